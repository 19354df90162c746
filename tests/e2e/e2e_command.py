"""Running the command as a user does: another process, a store of its own, its last line read as JSON."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

# Small in every dimension: the real stages, models and parsers on a few rows.
SMALL = (
    "corpus.sources.0.limit=40",
    "corpus.prompts=24",
    "corpus.train_sentences=24",
    "corpus.heldout_prompts=12",
    "corpus.heldout_documents=4",
    "probe.max_new_tokens=24",
    "generation.max_new_tokens=24",
    "generation.per_temperature=2",
    "sft.epochs=1",
    "sft.batch_size=4",
    "dpo.epochs=1",
    "dpo.batch_size=4",
    "dpo.min_pairs=4",
    "evaluation.sampling.max_new_tokens=24",
    "evaluation.scala.sentences=16",
    "evaluation.summaries.items=3",
    "evaluation.summaries.max_new_tokens=24",
    "evaluation.reading.items=4",
    "evaluation.reading.max_new_tokens=12",
    "evaluation.bootstrap=200",
)


@dataclass(frozen=True)
class Done:
    """What a finished command printed."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON object in the last line of standard output."""
        report: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return report

    @property
    def states(self) -> dict[str, str]:
        """State by stage; without the judge, which a recipe that names a parser skips."""
        states = {row["stage"]: row["state"] for row in self.report["stages"]}
        if states.get("judge") == "skipped":
            del states["judge"]
        return states


Saga = Callable[..., Done]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flows.command", *arguments]


def environment(home: Path) -> dict[str, str]:
    # A Prefect home of the test's own, and threads for one of two workers.
    return {**os.environ, "PREFECT_HOME": str(home), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
