"""Were two evaluations made alike? If not, in what: the figures of two models differ then for other reasons too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saga_core.artifacts.difference import flat, show
from saga_core.evaluation.outcomes import EvaluationResult

# What an evaluation reads that is the model's own, and may differ.
_OF_THE_MODEL = ("model", "dpo", "evaluate_base")
# What is told of an outside input that differs.
_OUTSIDE = {
    "evaluator": "another evaluator, or another version of it",
    "treebank": "other sentences of ScaLA",
    "summaries": "other documents to summarise",
    "reading": "other questions",
    "acceptability": "other labelled sentences",
    "corpus": "another corpus",
}
_ABSENT = "absent"


def incomparable(first: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Say why the figures of two evaluations cannot be compared, a line a reason; nothing where they can.

    Both must have the same settings, the same seed of the draws, the same outside inputs and the same items. Another
    base model is no reason: what then cannot be compared is a metric; see ``incomparable_metrics``.

    Args:
        first: What the key of an artifact of the stage ``evaluate`` hashes: version, settings, outside inputs by
            name, digests of inputs by name. Likewise of ``items`` and ``data``, which say in what the items differ.
        other: The same of the other.
    """
    reasons = []
    if first["version"] != other["version"]:
        reasons.append(f"made by version {other['version']} of the stage {other['stage']}, not {first['version']}")
    ours, theirs = flat(first["settings"]), flat(other["settings"])
    for name in sorted(ours.keys() | theirs.keys()):
        mine, its = ours.get(name, _ABSENT), theirs.get(name, _ABSENT)
        if mine != its:
            reasons.append(f"{name} is {show(its)}, not {show(mine)}")
    for name in _differing(first["outside"], other["outside"]):
        reasons.append(_OUTSIDE.get(name, f"another {name}, or another version of it"))
    if names := _differing(first["inputs"], other["inputs"]):
        reasons.append(f"measured on other items ({', '.join(names)} differs)")
    return reasons


def incomparable_metrics(results: Sequence[EvaluationResult]) -> dict[str, str]:
    """Return the metrics that these evaluations cannot be compared by, each with the reason."""
    tokens = [{document.item_id: document.tokens for document in result.perplexity} for result in results]
    if any(each != tokens[0] for each in tokens):
        reason = (
            "the models cut text into other tokens, so a perplexity a token is of other things; bits per byte is not"
        )
        return {"ppl": reason}
    return {}


def _differing(first: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    names = sorted(first.keys() | other.keys())
    return [name for name in names if name not in _OF_THE_MODEL and first.get(name) != other.get(name)]
