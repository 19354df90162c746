"""The model card's sections on what was measured beside the models: human text, the judge, the reward's tricks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saga_core.evaluation.signs import JUDGED, SIGNS, Sign
from saga_core.reporting.markdown import ABSENT, escape, table
from saga_core.reporting.results import ROW, p_value
from saga_core.reporting.wording import SIGN_DECIMALS, number, percent


def tricks(panel: Mapping[str, Any], evaluator: str) -> str:
    """Return the hacking panel: its verdict, its alarms, and every sign of base, aligned model and human text.

    Args:
        panel: Headline of the stage ``panel``.
        evaluator: Name of the evaluating parser.
    """
    gains, alarms = panel["gains"], panel["alarms"]
    judge, held_out, ahead = (gains[name] for name in ("judge", "evaluator", "ahead"))
    said = (
        f"By the judge that was the reward, parse success changed by {100 * judge['delta']:+.1f} points; by "
        f"{escape(evaluator)}, which took no part, by {100 * held_out['delta']:+.1f}. The lead of the judge's gain is "
        f"{100 * ahead['delta']:+.1f} points [{100 * ahead['low']:+.1f}, {100 * ahead['high']:+.1f}], "
        f"p {_p(ahead['p'])}."
    )
    verdict = f"**{len(alarms)} alarm{'s' if len(alarms) > 1 else ''}.**" if alarms else "**No alarm.**"
    told = "\n".join(f"- {escape(alarm['said'])}" for alarm in alarms)
    rows = [_row(sign, panel) for sign in (*JUDGED, *SIGNS)]
    parts = (f"{verdict} {said}", told, table(("Sign", "Base", "This model", "Human text", "p, uncorrected"), rows))
    return "\n\n".join(part for part in parts if part)


def oracle(findings: Sequence[Mapping[str, Any]]) -> str:
    """Return in a sentence what the training's judge is worth.

    Args:
        findings: Of its check, as the headline of the stage ``judge_check`` has them.
    """
    scala = next((f for f in findings if f["group"] == "ScaLA"), None)
    ceiling = next((f for f in findings if f["group"] == "ceiling"), None)
    floors = [f for f in findings if f["group"] == "floor"]
    said = []
    if scala:
        said.append(f"AUROC {_interval(scala, False)} on ScaLA's pairs (0.5 is chance)")
    if ceiling:
        said.append(f"{_interval(ceiling, True)} of real sentences pass")
    said += [f"{_interval(f, True)} of {escape(f['name'])}" for f in floors]
    return f"The judge itself, measured on the treebank: {'; '.join(said) or ABSENT}."


def detectable(differences: Mapping[str, float | None], evaluator: str, text: str) -> str | None:
    """Return in a sentence what so many items could not have shown; None where nothing is known.

    Args:
        differences: The smallest detectable difference by metric.
        evaluator: Name of the evaluating parser.
        text: Name of the held-out text.
    """
    known = [(ROW[metric], value) for metric, value in differences.items() if value is not None]
    if not known:
        return None
    shown = ", ".join(f"{escape(row.name(evaluator, text))} {row.change(value).lstrip('+')}" for row, value in known)
    return f"Smallest difference that would be found four times out of five, at the 5% level and this n: {shown}."


def _row(sign: Sign, panel: Mapping[str, Any]) -> list[str]:
    figures, change = panel["figures"][sign.name], panel["comparisons"][sign.name]
    decimals = SIGN_DECIMALS.get(sign.name, 3)
    cells = [_interval(figures[model], sign.percent, decimals) for model in ("base", "final", "human")]
    return [escape(sign.label), *cells, escape(p_value(change["p"]))]


def _p(p: float) -> str:
    shown = p_value(p)
    return escape(shown if shown.startswith("<") else f"= {shown}")


def _interval(finding: Mapping[str, Any], is_rate: bool, decimals: int = 3) -> str:
    if is_rate:
        return f"{percent(finding['value'])} [{100 * finding['low']:.1f}, {100 * finding['high']:.1f}]"
    value, low, high = (number(finding[name], decimals) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
