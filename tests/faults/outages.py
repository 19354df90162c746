"""A thousand faults between the program and a real S3 server: part of ``make faults``.

Writers make artifacts and their pieces, and read them and one another's, through a proxy that answers with errors, cuts
connections before and after the server acted, truncates, spoils, delays. What they were told is then compared with what
the server holds.
"""

import argparse
import os
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

from artifact_making import key_of, make
from servers.ceph import Ceph
from servers.faults import Fault
from servers.proxy import FaultProxy

from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.storage import Patience
from saga_core.artifacts.store import Store
from saga_core.errors import DamagedArtifactError, SagaError

_URI = "s3://outages/store"
_WRITERS = 16
# Every so many artifacts one of three parts, and of so many bytes.
_LARGE_EVERY, _LARGE = 8, 36_000_000
_FAULTS = {
    "500": 0.05,
    "503": 0.05,
    "429": 0.02,
    "reset": 0.04,
    "reset_after": 0.05,
    "truncate": 0.04,
    "corrupt": 0.01,
    "plain404": 0.03,
    "garbage": 0.01,
    "expired": 0.005,
    "timeout": 0.001,
}


class BrokenPromiseError(Exception):
    """A promise was broken."""


class Writers:
    """Writers that go on until enough went wrong.

    Args:
        proxy: Where it goes wrong.
        faults: How often it must.
        folder: For what they keep.
    """

    def __init__(self, proxy: FaultProxy, faults: int, folder: Path) -> None:
        self._proxy, self._faults, self._folder = proxy, faults, folder
        self._next = iter(range(1_000_000))
        self._lock = threading.Lock()
        self.made: dict[int, str] = {}
        self.texts: dict[int, str] = {}
        self.broken: list[str] = []
        self.told: Counter[str] = Counter()

    def run(self) -> None:
        """Write and read until the faults are reached."""
        threads = [threading.Thread(target=self._write, args=(number,)) for number in range(_WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _write(self, number: int) -> None:
        store = Store(_URI, Patience(seconds=40, first=40, lease=5))
        while self._proxy.faults.total() < self._faults and not self.broken:
            with self._lock:
                seed = next(self._next)
            try:
                self._make_and_read(store, seed)
            except DamagedArtifactError as error:
                self.broken.append(f"whole, and called damaged: {error}")
            except SagaError as error:
                # A clear failure, which the next command makes up for.
                self.told[type(error).__name__] += 1
                print(f"  told: {error}", flush=True)
                if "\n" in str(error):
                    self.broken.append(f"more than one line: {error}")
            except Exception as error:
                self.broken.append(f"no error of ours: {type(error).__name__}: {error}")

    def _make_and_read(self, store: Store, seed: int) -> None:
        folder = self._folder / str(seed)
        folder.mkdir()
        (folder / "rows.json").write_text(f"[{seed}]")
        partial = store.partial("data", key_of(seed), None)
        partial.keep("shard", folder)
        text = f"text {seed}" if seed % _LARGE_EVERY else f"{seed:09d}" * (_LARGE // 9)
        record = make(store, text, seed=seed)
        with self._lock:
            self.made[seed] = record.attempt
            others = list(self.made.items())[-5:]
            self.texts[seed] = digest(text)
        for other, attempt in others:
            found = store.look("data", key_of(other))
            if found is None:
                self.broken.append(f"artifact {other} is there, and an outage was taken for a miss")
            elif found[0].attempt != attempt or found[1] is not None:
                self.broken.append(f"artifact {other} is another: {found[1]}")
            else:
                text = (store.fetch(store.reference(found[0])) / "sub" / "file.txt").read_text()
                if digest(text) != self.texts[other]:
                    self.broken.append(f"artifact {other} reads {text[:40]!r}")
        self.told["artifacts made"] += 1


def campaign(faults: int, seed: int) -> Counter[str]:
    """Let so many faults happen, print the figures, and return the faults by kind.

    Raises:
        BrokenPromiseError: What a writer was told is not what the server holds.
    """
    start = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="saga-outages-")))
        ceph = stack.enter_context(Ceph(folder / "ceph"))
        ceph.make_bucket("outages")
        proxy = stack.enter_context(FaultProxy(ceph, seed=seed))
        (folder / "pieces").mkdir()
        here = {**proxy.environment(), "XDG_CACHE_HOME": str(folder / "cache")}
        stack.enter_context(mock.patch.dict(os.environ, here))
        proxy.inject(*(Fault(kind, probability) for kind, probability in _FAULTS.items()))
        writers = Writers(proxy, faults, folder / "pieces")
        writers.run()
        injected = proxy.faults
        proxy.inject()
        writers.broken += _compare(writers.made)
        print(f"\n{proxy.table()}\n")
        figures = ", ".join(f"{name} {count}" for name, count in sorted(writers.told.items()))
        print(f"{injected.total()} faults in {time.monotonic() - start:.0f} s; {figures}")
        given_up = writers.told.total() - writers.told["artifacts made"]
        if given_up > len(writers.made) / 10:
            writers.broken.append(f"{given_up} failures were not tried again for long enough")
        if writers.broken:
            raise BrokenPromiseError("\n".join(writers.broken[:20]))
        print("every record's files are there and as recorded; no artifact was missed, called damaged, or made twice")
        return injected


def _compare(made: dict[int, str]) -> list[str]:
    """Compare what was made with what the server holds now that nothing goes wrong."""
    store = Store(_URI)
    wrong = []
    for seed, attempt in made.items():
        found = store.look("data", key_of(seed))
        if found is None or found[0].attempt != attempt or found[1] is not None:
            wrong.append(f"artifact {seed} was made, and the server has {found and found[1]}")
    for record in store.records("data"):
        found = store.look("data", record.key)
        if found is None or found[1] is not None:
            wrong.append(f"a record without its files: {record.key}")
    return wrong


def main() -> None:
    """Go wrong, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    campaign(chosen.faults, chosen.seed)


if __name__ == "__main__":
    main()
