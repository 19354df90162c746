"""From a run's report in the store to its HTML page: where reporting meets the store. Knows nothing of Prefect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saga_core import languages
from saga_core.artifacts.lineage import size_of
from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.html.page import render
from saga_core.reporting.html.run_facts import Alarm, Checked, Gate, Made, Panel, RunFacts, RunStage
from saga_core.reporting.metadata import file_name
from saga_core.reporting.results import Column
from saga_core.reporting.stage_facts import JUDGE_SCORES
from tasks import evaluate_champion
from tasks.pipeline import PIPELINE
from tasks.results import LIBRARIES
from tasks.run_artifacts import RunArtifacts
from tasks.run_texts import cleaned, prompted_texts

_POOLS = {stage.name: stage.pool for stage in (*PIPELINE, evaluate_champion.STAGE)} | {"promotion": "cpu"}
_FATES = ("pairs", "dropped_gap", "dropped_floor", "dropped_empty")
_SERIES = ("human", "base", "final")


# Of the recipe's settings only what the page tells: those of an older version have more fields, or fewer.
@dataclass(frozen=True)
class _Model:
    id: str
    title: str | None = None


@dataclass(frozen=True)
class _Corpus:
    title: str


@dataclass(frozen=True)
class _Parser:
    model: str | None = None


@dataclass(frozen=True)
class _Dpo:
    nll_weight: float = 0.0


def report_html(store: Store, report: Mapping[str, Any]) -> bytes:
    """Return the page of a run, which needs no network; the same run gives the same bytes.

    A run that is not finished gets the sections that it has.

    Args:
        store: The store that holds its artifacts.
        report: The run's report, as ``tasks.report.find_run`` returns it.

    Raises:
        StoreError: The store cannot be read.
        DamagedArtifactError: What is stored is not what its record says, or not what its stage writes.
    """
    return render(run_facts(store, report))


def run_facts(store: Store, report: Mapping[str, Any]) -> RunFacts:
    """Gather what the page tells of a run; arguments and errors are those of ``report_html``."""
    run = RunArtifacts(store, report)
    code = run.settings("data", "language", str) or ""
    model, corpus = run.settings("publish", "model", _Model), run.settings("publish", "corpus", _Corpus)
    human = _column(run, "Human text", "evaluate_human")
    columns = tuple(c for c in (_column(run, "Base", "evaluate_base"), _column(run, "Aligned", "evaluate")) if c)
    counts = run.whole("pairs", dict[str, Any]) or {}
    return RunFacts(
        run=report["run"],
        recipe=report["recipe"],
        time=report["time"],
        stages=tuple(_stage(row, run.records.get(row["stage"])) for row in report["stages"]),
        language=code,
        language_name=languages.get(code).name if code in languages.codes() else "an unknown language",
        base_title=cleaned(model.title or file_name(model.id)) if model else report["recipe"],
        judge=_judge(run),
        evaluator=_library(run, "evaluator", "evaluate_base"),
        held_out=_outside(run, "judge", "probe") != _outside(run, "evaluator", "evaluate_base"),
        text=cleaned(corpus.title) if corpus else "held-out",
        seed=run.settings("data", "seed", int) or 0,
        columns=columns if len(columns) == 2 else (),
        human=human,
        comparisons=run.part("evaluate", "comparisons", dict[str, Comparison]) or {},
        detectable=run.part("evaluate", "detectable", dict[str, float | None]) or {},
        adapted="sft" in run.records or _nll_weight(run) > 0,
        gate=_gate(run),
        sft_history=run.rows("sft", "history.parquet"),
        dpo_history=run.rows("dpo", "history.parquet"),
        candidate_scores=run.numbers("scores", "scores.parquet", "score"),
        pairs={name: run.checked("pairs", int, counts[name]) for name in _FATES if name in counts},
        chosen=run.numbers("pairs", "pairs.parquet", "chosen_score"),
        rejected=run.numbers("pairs", "pairs.parquet", "rejected_score"),
        judge_training=_judge_training(run),
        judge_check=_judge_check(run),
        panel=_panel(run),
        items=_items(run),
        left_out=run.part("items", "left_out", dict[str, int]) or {},
        prompted=prompted_texts(run),
        promotion=run.part("promotion", "verdict", str),
        promotion_reasons=[cleaned(reason) for reason in run.part("promotion", "reasons", list[str]) or []],
    )


def _column(run: RunArtifacts, heading: str, stage: str) -> Column | None:
    metrics = run.part(stage, "metrics", dict[str, Estimate])
    return Column(heading, metrics, reference=stage == "evaluate_human") if metrics is not None else None


def _stage(row: Mapping[str, Any], record: Record | None) -> RunStage:
    why = row["why"] if record or not row["key"] else "its artifact is no longer in the store"
    return RunStage(row["stage"], row["state"], why, _POOLS.get(row["stage"]), _made(record) if record else None)


def _made(record: Record) -> Made:
    by = record.provenance
    return Made(
        key=record.key,
        digest=record.digest,
        version=record.payload.get("version", 0),
        created=record.created,
        seconds=record.seconds,
        saga=by.saga,
        commit=by.commit,
        python=by.python,
        packages=by.packages,
        size=size_of(record),
        inputs={name: reference.key for name, reference in record.inputs.items()},
    )


def _judge(run: RunArtifacts) -> str:
    """Return the judge's library and model; the model is known from publication on."""
    settings = run.settings("publish", "judge", _Parser)
    model = f" {file_name(settings.model)}" if settings and settings.model else ""
    return cleaned(_library(run, "judge", "probe") + model)


def _library(run: RunArtifacts, name: str, stage: str) -> str:
    return LIBRARIES.get(str(_outside(run, name, stage).get("kind")), f"the {name}")


def _outside(run: RunArtifacts, name: str, stage: str) -> dict[str, Any]:
    """Return what identifies a parser, from the outside inputs of a stage that asks it; empty where that is absent."""
    record = run.records.get(stage)
    return run.checked(stage, dict[str, Any], record.payload.get("outside", {}).get(name, {})) if record else {}


def _nll_weight(run: RunArtifacts) -> float:
    """Return the weight of real text in DPO's loss."""
    settings = run.settings("dpo", "dpo", _Dpo)
    return settings.nll_weight if settings else 0.0


def _gate(run: RunArtifacts) -> Gate | None:
    parts = run.whole("gate", dict[str, Any])
    if parts is None:
        return None
    rate = {"value": parts.get("parse_success"), **{name: parts.get(name) for name in ("low", "high", "n")}}
    return run.checked("gate", Gate, {**parts, "rate": rate})


def _judge_training(run: RunArtifacts) -> dict[str, float]:
    headline = run.whole("judge", dict[str, Any]) or {}
    return run.checked("judge", dict[str, float], {key: headline[key] for _, key in JUDGE_SCORES if key in headline})


def _judge_check(run: RunArtifacts) -> list[Checked]:
    return run.part("judge_check", "findings", list[Checked]) or []


def _panel(run: RunArtifacts) -> Panel | None:
    figures = run.part("panel", "figures", dict[str, dict[str, Estimate]])
    if figures is None:
        return None
    rows = run.rows("panel", "texts.parquet", ["model", "judge_score"])
    return Panel(
        figures,
        run.part("panel", "comparisons", dict[str, Comparison]) or {},
        run.part("panel", "gains", dict[str, Comparison]) or {},
        [Alarm(cleaned(a.name), cleaned(a.said)) for a in run.part("panel", "alarms", list[Alarm]) or []],
        {series: [row["judge_score"] for row in rows if row["model"] == series] for series in _SERIES},
    )


def _items(run: RunArtifacts) -> dict[str, int]:
    counts = run.whole("items", dict[str, Any]) or {}
    return run.checked("items", dict[str, int], {name: count for name, count in counts.items() if name != "left_out"})
