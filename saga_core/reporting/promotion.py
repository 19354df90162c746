"""What a person reads of a promotion: the reasons in a line each, and the model card's section about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from saga_core.evaluation.promotion import Check, Decision
from saga_core.reporting import markdown
from saga_core.reporting.results import ROW, p_value

_BEFORE = "\n## Limits\n"


def reasons(decision: Decision, champion: str | None) -> list[str]:
    """Return why an adapter is promoted or not, one line each; what decided against it comes first.

    Args:
        decision: The decision.
        champion: What the champion is called, such as ``champion 3 (nb-tiny)``; None where there is none.
    """
    against = [*decision.refusals, *(_line(check, champion) for check in decision.checks if not check.passed)]
    return [*against, *(_line(check, champion) for check in decision.checks if check.passed)]


def with_promotion(card: str, decision: Decision, champion: str | None, left_out: Sequence[str]) -> str:
    """Return a published model card with a section that says how it was compared, and what came of it.

    Args:
        card: The card.
        decision: The decision.
        champion: See ``reasons``.
        left_out: What the comparison left out, one line each.
    """
    head, mark, rest = card.partition(_BEFORE)
    return f"{head.rstrip()}\n\n{promotion_section(decision, champion, left_out)}\n{mark}{rest}"


def promotion_section(decision: Decision, champion: str | None, left_out: Sequence[str]) -> str:
    """Return the section alone; see ``with_promotion``."""
    opponent = markdown.escape(champion) if champion else "the base model, as there was no champion to compare with"
    kept = "not promoted; the champion stays" if champion else "not promoted"
    verdict = "promoted" if decision.verdict == "promote" else kept
    parts = [f"## Promotion\n\nCompared with {opponent}: **{verdict}**."]
    parts.append("\n".join(f"- {markdown.escape(line)}" for line in (*reasons(decision, champion), *left_out)))
    if decision.checks:
        headings = ["Check", "Against", "Before", "This", "Change", "95% interval", "p", "Limit", "n", "Holds"]
        parts.append(markdown.table(headings, [_row(check, champion) for check in decision.checks]))
    parts.append(
        "Both models were measured on the same prompts and documents by the parser that took no part in the "
        "training. More continuations must parse, by a two-sided exact McNemar test; a guard holds when the whole "
        "interval of the change keeps to its limit. The guards hold against the base model too, so that small losses "
        "do not add up from champion to champion."
    )
    return "\n\n".join(parts)


def _line(check: Check, champion: str | None) -> str:
    whom = _whom(check.against, champion)
    figures = f"{_figure(check, check.after)} against {_figure(check, check.before)} of {whom}"
    change = f"{_change(check, check.change)} [{_change(check, check.low)}, {_change(check, check.high)}]"
    said = f"{_name(check)} {figures}, {change}, n = {check.n:,}"
    if check.p is not None:
        verdict = "better" if check.passed else "not better" if check.change <= 0 else "not surely better"
        p = p_value(check.p)
        told = p if p.startswith("<") else f"= {p}"
        return f"{said}, p {told} (exact McNemar): {verdict} at the level {check.limit:g}"
    return f"{said}: {'within' if check.passed else 'not surely within'} the limit of {_limit(check)}"


def _row(check: Check, champion: str | None) -> list[str]:
    return [
        _name(check),
        markdown.escape(_whom(check.against, champion)),
        _figure(check, check.before),
        _figure(check, check.after),
        _change(check, check.change),
        f"[{_change(check, check.low)}, {_change(check, check.high)}]",
        markdown.escape(p_value(check.p)) if check.p is not None else markdown.ABSENT,
        f"p < {check.limit:g}".replace("<", r"\<") if check.p is not None else _limit(check),
        f"{check.n:,}",
        "yes" if check.passed else "no",
    ]


def _whom(against: Literal["champion", "base"], champion: str | None) -> str:
    return champion if against == "champion" and champion else "the base model"


def _name(check: Check) -> str:
    return {"parse_success": "parse success", "ppl": "perplexity", "mattr": "MATTR"}[check.metric]


def _figure(check: Check, value: float) -> str:
    return ROW[check.metric].figure(value)


def _change(check: Check, value: float) -> str:
    # The perplexity's change is a ratio: per cent of the figure before.
    return f"{100 * value:+.1f}%" if check.metric == "ppl" else ROW[check.metric].change(value)


def _limit(check: Check) -> str:
    return f"{100 * check.limit:+g}%" if check.metric == "ppl" else f"-{check.limit:g}"
