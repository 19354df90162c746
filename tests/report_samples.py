"""A finished run in a real store, small: all that the HTML page reads, in the form that the stages give it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from artifact_graphs import put, write_run

from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.evaluation.statistics import Comparison, Estimate

HOSTILE = '</script><img src=x onerror="alert(1)">&amp;'
PROMPTS = 40
RUN = "demo-0123456789"

_MCNEMAR = "exact McNemar"
_BASE = {"parse_success": Estimate(0.5, 0.35, 0.65, PROMPTS), "ppl": Estimate(30.1, 28.0, 32.0, 20)}
_FINAL = {"parse_success": Estimate(0.75, 0.6, 0.86, PROMPTS), "ppl": Estimate(33.0, 31.0, 35.0, 20)}
_HUMAN = {"parse_success": Estimate(0.85, 0.71, 0.93, PROMPTS)}
COMPARISONS = {
    "parse_success": Comparison(0.25, 0.1, 0.4, 0.002, _MCNEMAR),
    "ppl": Comparison(2.9, 2.0, 3.8, 0.0004, "paired bootstrap"),
}
DETECTABLE = {"parse_success": 0.12, "ppl": None}
TOKENS = [["Han", "PRON", 2, "nsubj"], ["leser", "VERB", 0, "root"], [HOSTILE, "NOUN", 2, "obj"]]


def parquet(rows: Sequence[Mapping[str, object]]) -> bytes:
    """Return rows as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), buffer)
    return buffer.getvalue()


def items(series: str, *, stored: bool = True, tokens: Sequence[Sequence[object]] = TOKENS) -> list[dict[str, object]]:
    """Return the rows of an evaluation; of four prompts in turn both pass, one is gained, one lost, both fail.

    Args:
        series: Whose texts.
        stored: Whether what the evaluator saw is stored.
        tokens: The tree of each sentence.
    """
    passes = {"base": (0, 2), "final": (0, 1), "human": (0, 1, 2)}[series]
    rows: list[dict[str, object]] = []
    for number in range(PROMPTS):
        passed = number % 4 in passes
        text = f" leser {HOSTILE}. Kuttet"
        row: dict[str, object] = {"task": "parse", "item_id": f"p{number}", "text": text, "passed": passed}
        row |= {"quality": float(passed), "mattr": 0.9}
        if stored:
            reasons = [] if passed else ["no subject", HOSTILE]
            sentence = {"text": f"Han leser {HOSTILE}.", "passed": passed, "quality": 0.8, "reasons": reasons}
            row |= {"judged": f"Han leser {HOSTILE}.", "sentences": json.dumps([sentence | {"tokens": tokens}])}
        rows.append(row)
    return [*rows, {"task": "perplexity", "item_id": "d0", "text": "x", "passed": None, "quality": None, "mattr": None}]


def panel() -> dict[str, Any]:
    """Return the headline of a hacking panel with an alarm."""
    figures = {
        name: {series: asdict(Estimate(0.5, 0.4, 0.6, PROMPTS)) for series in ("human", "base", "final")}
        for name in ("judge_ps", "evaluator_ps", "words", "self_bleu", "overlap")
    }
    compared = asdict(Comparison(0.25, 0.1, 0.4, 0.002, _MCNEMAR))
    return {
        "figures": figures,
        "comparisons": {"judge_ps": compared, "words": compared},
        "gains": {"judge": compared, "evaluator": compared, "ahead": compared},
        "alarms": [{"name": "words", "said": HOSTILE}],
    }


def make_run(store: Store, *, until: str = "publish", **changed: Mapping[str, Any]) -> dict[str, Record]:
    """Make a run's artifacts and leave its report.

    Args:
        store: Where.
        until: The last stage that was made.
        changed: ``files`` or ``headline`` of stages in place of the sample's.

    Returns:
        The artifacts by stage.
    """
    records: dict[str, Record] = {}
    for stage, (inputs, made) in _stages().items():
        records[stage] = put(store, stage, *(records[name] for name in inputs), **(made | changed.get(stage, {})))
        if stage == until:
            break
    write_run(store, RUN, list(records.values()))
    return records


def _stages() -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
    prompts = [{"id": f"p{number}", "prompt": "Han", "sentence": "Han leser."} for number in range(PROMPTS)]
    scores = [{"score": -1.0 if number % 3 else 0.9} for number in range(PROMPTS)]
    history = [{"step": float(step), "loss": 1 / step, "kl": 0.1} for step in range(1, 6)]
    rewards = [row | {"rewards/margins": 1.0, "logps/chosen": -9.0, "logps/rejected": -12.0} for row in history]
    gate = {"parse_success": 0.55, "low": 0.4, "high": 0.69, "n": PROMPTS, "mode": "auto", "tau": 0.8, "run_sft": True}
    texts = [
        {"model": series, "item_id": f"p{n}", "judge_passed": n % 2 == 0, "judge_score": 0.9 if n % 2 == 0 else -1.0}
        for series in ("human", "base", "final")
        for n in range(PROMPTS)
    ]
    finding = {"group": "ScaLA", "name": "all", "measure": "AUROC", "value": 0.71, "low": 0.69, "high": 0.73, "n": 900}
    rate = {"group": "floor", "name": HOSTILE, "measure": "PS", "value": 0.3, "low": 0.2, "high": 0.4, "n": 90}
    fates = {"pairs": 30, "dropped_gap": 6, "dropped_floor": 3, "dropped_empty": 1}
    pairs = [{"chosen_score": 0.9, "rejected_score": -1.0}] * 30
    evaluator = {"outside": {"evaluator": {"kind": "stanza", "sha256": "e"}}}
    judge = {"outside": {"judge": {"kind": "spacy", "sha256": "j"}}}
    recipe = {
        "model": {"id": f"/somewhere/secret/{HOSTILE}", "title": f"tiny {HOSTILE}"},
        "corpus": {"sources": [{"path": "x.jsonl"}], "title": "Wiki"},
        "judge": {"kind": "spacy", "model": "nb_core_news_lg"},
        "evaluator": {"kind": "stanza", "model": "nb"},
    }

    def evaluated(series: str, metrics: Mapping[str, Estimate], **more: object) -> dict[str, Any]:
        headline = {"metrics": {name: asdict(value) for name, value in metrics.items()}, **more}
        return {"headline": headline, "files": {"items.parquet": parquet(items(series))}, **evaluator}

    compared = {name: asdict(value) for name, value in COMPARISONS.items()}
    return {
        "data": ((), {"settings": {"language": "nb"}, "files": {"heldout_prompts.parquet": parquet(prompts)}}),
        "items": (("data",), {"headline": {"prompts": PROMPTS, "summaries": 0, "left_out": {"prompts": 5}}}),
        "judge_check": ((), {"headline": {"findings": [finding, rate]}}),
        "probe": (("data",), judge),
        "gate": (("probe",), {"headline": gate}),
        "sft": (("data",), {"files": {"history.parquet": parquet(history)}}),
        "scores": (("data", "sft"), {"files": {"scores.parquet": parquet(scores)}}),
        "pairs": (("scores",), {"headline": fates, "files": {"pairs.parquet": parquet(pairs)}}),
        "dpo": (("sft", "pairs"), {"files": {"history.parquet": parquet(rewards)}}),
        "evaluate_human": (("data",), evaluated("human", _HUMAN)),
        "evaluate_base": (("data",), evaluated("base", _BASE)),
        "evaluate": (
            ("data", "dpo", "evaluate_base"),
            evaluated("final", _FINAL, comparisons=compared, detectable=DETECTABLE),
        ),
        "panel": (("evaluate_base", "evaluate"), {"headline": panel(), "files": {"texts.parquet": parquet(texts)}}),
        "publish": (("dpo", "evaluate"), {"settings": recipe}),
    }
