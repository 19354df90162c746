"""To whom a training stage tells its log, as the recipe's ``runtime.report_to`` says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.stage import Work

if TYPE_CHECKING:
    from saga_core.training.tracking import Tracking


@contextmanager
def tracking_of(work: Work, stage: str) -> Iterator[Tracking | None]:
    """Give what a training is tracked by; None where it is by nothing.

    Args:
        work: The training stage's work.
        stage: Its name; with the recipe's, the name of the training.
    """
    report_to, events = work.recipe.runtime.report_to, work.events
    if not report_to or events is None:
        yield None
        return
    # It brings torch.
    from saga_core.training.tracking import Tracking

    with events.writing() as folder:
        yield Tracking(report_to, f"{work.recipe.name}-{stage}", folder, lambda: events.keep(folder))
