import os
import signal
import subprocess
import sys

import pytest
from e2e_command import ROOT

# The signal is handled at the next step of Python, which is in the finaliser.
DROPPED = """
import os, signal, sys, time
from flows.insisting import insist_on_interruptions
from prefect.exceptions import TerminationSignal

def terminate(number, frame):
    raise TerminationSignal(signal=number)

class Dying:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[1]))
        for _ in range(1000):
            pass
        print("finalised to the end", flush=True)

signal.signal(signal.SIGTERM, terminate)
insist_on_interruptions()
try:
    Dying()
    time.sleep(20)
    print("slept to the end")
except BaseException as error:
    print(type(error).__name__)
"""


def run(code: str, which: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, str(int(getattr(signal, which)))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize(("which", "told"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "TerminationSignal")])
def test_an_interruption_that_a_finaliser_swallowed_comes_again(which: str, told: str) -> None:
    done = run(DROPPED, which)
    assert (done.stdout, done.stderr) == (f"{told}\n", "")


def test_a_command_that_is_ending_is_not_interrupted_again() -> None:
    code = DROPPED.replace("time.sleep(20)", "stop_insisting(); time.sleep(1)")
    code = code.replace("import insist_on_interruptions", "import insist_on_interruptions, stop_insisting")
    done = run(code, "SIGINT")
    assert (done.stdout, done.stderr) == ("slept to the end\n", "")


def test_another_error_in_a_finaliser_is_told_as_ever() -> None:
    code = "import flows.insisting as i; i.insist_on_interruptions()\nclass A:\n def __del__(self): 1 / 0\nA()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "ZeroDivisionError" in done.stderr
