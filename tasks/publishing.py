"""Pushing what a run published to the Hub: adapter, card and pictures, as its record names them, and its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.errors import UserError
from tasks.report import find_card, find_stage

if TYPE_CHECKING:
    from saga_core.hub import Pushed


def publish_run(store: Store, report: Mapping[str, Any], repository: str, *, private: bool) -> Pushed:
    """Push a run's adapter to a repository of the Hub, in one commit.

    Args:
        store: The store that holds the run's artifacts.
        report: The run's report.
        repository: ``org/name``.
        private: Whether only its owners may see it.

    Raises:
        UserError: The name, the token or the repository is wrong, or nobody else could load the adapter.
        DamagedArtifactError: What is stored is not what was recorded; nothing is pushed.
        HubError: The Hub cannot be reached, or refused.
    """
    from saga_core.hub import check_repository, push

    check_repository(repository, "--to")
    return push(repository, files_to_push(store, report, repository), f"Publish {report['run']}", private=private)


def files_to_push(store: Store, report: Mapping[str, Any], repository: str) -> dict[str, Path | bytes]:
    """Return all that is pushed of a run, by its path in the repository, every file hashed: adapter, card and report.

    Args:
        store: The store that holds the run's artifacts.
        report: The run's report.
        repository: ``org/name``, which the card is to name.

    Raises:
        UserError: The base model is none that others can load, or the adapter is no longer there.
        DamagedArtifactError: What is stored is not what was recorded.
    """
    from saga_core.reporting.hub_card import card_for_hub

    published = find_stage(store, report, "publish")
    _check_base(published, str(report["run"]))
    folder = store.fetch(store.reference(published))
    files: dict[str, Path | bytes] = {file.path: folder / file.path for file in published.files}
    card = find_card(store, report).read_text(encoding="utf-8")
    return files | {
        "README.md": card_for_hub(card, repository).encode(),
        "report.html": _page(store, report),
    }


def _page(store: Store, report: Mapping[str, Any]) -> bytes:
    """Return the page of a run, without why its stages were made: settings that differed may name folders."""
    from saga_core.reporting.html.page import render
    from tasks.run_report import run_facts

    facts = run_facts(store, report)
    stages = tuple(replace(stage, why="" if stage.made else stage.why) for stage in facts.stages)
    return render(replace(facts, stages=stages))


def _check_base(published: Record, run: str) -> None:
    """Refuse an adapter whose base only this machine has: its configuration names what loads nowhere else."""
    if "hub" not in published.payload["outside"]["model"]:
        base = published.payload["settings"]["model"]["id"]
        what = f"its base model {base} is not on the Hub, so nobody else could load the adapter"
        raise UserError(what, run, "run the recipe with a model.id on the Hub")
