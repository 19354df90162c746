"""Which of the held-out texts the page shows: as many of each outcome as there are, drawn with a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from saga_core.reporting.html.run_facts import Prompted

SHOWN = 30

Outcome = Literal["gained", "lost", "both_fail", "both_pass"]
# In the order in which they are shown and drawn.
OUTCOMES: Mapping[Outcome, tuple[str, str]] = {
    "gained": ("Gained", "failed before, passes now"),
    "lost": ("Lost", "passed before, fails now"),
    "both_fail": ("Both fail", "fails before and now"),
    "both_pass": ("Both pass", "passes before and now"),
}


@dataclass(frozen=True)
class Drawn:
    """The sample.

    Attributes:
        texts: The chosen prompts by outcome.
        counts: How many there are of each outcome among all.
        total: How many prompts there are.
    """

    texts: Mapping[Outcome, tuple[Prompted, ...]]
    counts: Mapping[Outcome, int]
    total: int

    @property
    def shown(self) -> int:
        """How many are shown."""
        return sum(len(some) for some in self.texts.values())


def outcome(prompted: Prompted) -> Outcome:
    """Return what became of a prompt; a text without a verdict counts as failed."""
    before, after = bool(prompted.base.passed), bool(prompted.final.passed)
    if before == after:
        return "both_pass" if after else "both_fail"
    return "gained" if after else "lost"


def draw(prompted: Sequence[Prompted], seed: int, most: int = SHOWN) -> Drawn:
    """Draw prompts at random, from each outcome in turn until there are enough.

    So failures are seen however rare they are; the shares of the outcomes are not those of the run, which are
    given beside. The same prompts give the same sample in whatever order they come.

    Args:
        prompted: All held-out prompts.
        seed: The recipe's.
        most: How many are drawn.
    """
    groups: dict[Outcome, list[Prompted]] = {name: [] for name in OUTCOMES}
    for each in sorted(prompted, key=lambda each: each.item_id):
        groups[outcome(each)].append(each)
    counts = {name: len(some) for name, some in groups.items()}
    for name, some in groups.items():
        random.Random(f"{seed}/report/{name}").shuffle(some)
    taken = dict.fromkeys(groups, 0)
    left = min(most, len(prompted))
    while left:
        for name in groups:
            if left and taken[name] < counts[name]:
                taken[name] += 1
                left -= 1
    return Drawn({name: tuple(some[: taken[name]]) for name, some in groups.items()}, counts, len(prompted))
