from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_parsers import GREYNIR, SPACY, STANZA

from saga_core.errors import StageError
from saga_core.judges.protocol import Judge, load_judge
from saga_core.recipe import ParserSettings

TEXTS = [f"Hun har {number} bøker.\nHan sover." for number in range(150)]


def _no_tick(done: int = 1) -> None:
    pass


def test_workers_give_the_same_verdicts_and_their_death_is_one_line(spacy_judge: Judge) -> None:
    ticks: list[int] = []
    parallel = load_judge(SPACY, "nb", "all_sentences", workers=2)
    before = set(multiprocessing.active_children())
    verdicts = parallel.judge(TEXTS, lambda done=1: ticks.append(done))
    assert verdicts == spacy_judge.judge(TEXTS, _no_tick)
    assert ticks == [1] * len(TEXTS)
    for worker in set(multiprocessing.active_children()) - before:
        worker.kill()
    with pytest.raises(StageError, match=r"spacy model .*: a process of the judge died; lower runtime\.workers"):
        parallel.judge(TEXTS, _no_tick)


@pytest.mark.slow
def test_workers_of_stanza_give_the_same_verdicts(stanza_judge: Judge) -> None:
    parallel = load_judge(STANZA, "nb", "all_sentences", workers=2)
    assert parallel.judge(TEXTS, _no_tick) == stanza_judge.judge(TEXTS, _no_tick)


def test_workers_of_udpipe_give_the_same_verdicts(udpipe: ParserSettings, udpipe_judge: Judge) -> None:
    parallel = load_judge(udpipe, "nb", "all_sentences", workers=2)
    assert parallel.judge(TEXTS, _no_tick) == udpipe_judge.judge(TEXTS, _no_tick)


_KILLED = """
import multiprocessing, sys, time
from saga_core.judges.protocol import load_judge
from saga_core.recipe import ParserSettings
if __name__ == "__main__":
    settings = ParserSettings.model_validate_json(sys.argv[1])
    judge = load_judge(settings, "is", "all_sentences", workers=2)
    judge.judge(["Hún las bókina."] * 65, lambda done=1: None)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("kind", ["udpipe", "greynir"])
def test_no_process_stays_when_the_caller_is_killed(kind: str, udpipe: ParserSettings, tmp_path: Path) -> None:
    settings = udpipe if kind == "udpipe" else GREYNIR
    script = tmp_path / "caller.py"
    script.write_text(_KILLED, encoding="utf-8")
    command = [sys.executable, str(script), settings.model_dump_json()]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as caller:
        assert caller.stdout is not None
        workers = [int(pid) for pid in caller.stdout.readline().split()]
        caller.send_signal(signal.SIGKILL)
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(_runs(pid) for pid in workers):
        assert time.monotonic() < deadline, "a process of the judge outlived its caller"
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    # A zombie has ended, though nobody has asked how.
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
