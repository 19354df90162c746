"""Starting a flow from the command line, and telling of its failure: the stage, what is kept, what goes on."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Container
from datetime import UTC, datetime
from typing import Any

from flows.insisting import stop_insisting
from flows.terminal import describe
from saga_core.errors import SagaError, StageError, UserError
from tasks.report import RunReport, find_run
from tasks.session import Session


def start_flow(
    session: Session, call: Callable[[], dict[str, Any]], arguments: Callable[[Container[str]], list[str]]
) -> dict[str, Any]:
    """Call a flow, with a temporary server where none is configured.

    Args:
        session: The run.
        call: Imports the flow, calls it and returns its report.
        arguments: Returns the arguments of ``saga`` that go on, given the stages that were made.

    Returns:
        The report.

    Raises:
        SagaError: The flow failed; it carries the report, and the command that resumes.
    """
    _prepare_prefect()
    start = datetime.now(UTC).isoformat(timespec="microseconds")
    from flows.embedded import start_embedded_api

    try:
        start_embedded_api()
        return call()
    except BaseException as error:
        stop_insisting()
        report = getattr(error, "report", None) or _report_since(session, start) or RunReport(session).as_dict()
        told = _failure(error, report)
        told.__dict__["report"] = report
        if told.exit_code == 1 or _failed(report):
            made = {row["stage"] for row in report["stages"] if row["state"] == "computed"}
            told.__dict__["advice"] = _advice(report, arguments(made))
        raise told from error


def _report_since(session: Session, start: str) -> dict[str, Any] | None:
    # What failed may be the store, and that has just been waited for.
    session.store.storage.hurry()
    with contextlib.suppress(SagaError):
        return find_run(session.store, session.run, since=start)
    return None


def _failed(report: dict[str, Any]) -> str | None:
    """Return the stage that failed, or None where no stage had begun."""
    return next((str(row["stage"]) for row in report["stages"] if row["state"] == "failed"), None)


def _failure(error: BaseException, report: dict[str, Any]) -> SagaError:
    """Return what is told of a failed run: a mistake as it is, anything else with its stage."""
    failed = _failed(report) or "run"
    if isinstance(error, UserError):
        return error if error.where == failed or not _failed(report) else UserError(str(error), failed)
    if isinstance(error, SagaError):
        # What and where are one line already; the stage stands before it.
        return error if error.where == failed else StageError(str(error), failed)
    if "Failed to reach API" in str(error):
        return StageError("no Prefect server answers", "PREFECT_API_URL", "correct it, or unset it to run without one")
    # Prefect turns SIGTERM into an exception of its own, SIGINT stays Python's.
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "TerminationSignal":
        return StageError("interrupted", failed)
    return StageError(f"unexpected {describe(error)}", failed)


def _advice(report: dict[str, Any], command: list[str]) -> dict[str, str]:
    """Return what a failed run left, and the command that goes on from there."""
    finished = sum(row["state"] in ("cached", "computed") for row in report["stages"])
    kept = [f"{finished} finished stage{'' if finished == 1 else 's'} in {report['store']}"]
    kept += [f"of {row['stage']} {row['kept']}" for row in report["stages"] if row.get("kept")]
    return {"kept": "; ".join(kept), "resume": shlex.join(["saga", *command])}


def _prepare_prefect() -> None:
    """Set what Prefect reads when it is imported; what the user has set stays."""
    defaults = {
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "DO_NOT_TRACK": "1",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
