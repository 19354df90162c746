"""The section of the gate: was the base good enough to go without KL-SFT?"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from saga_core.reporting.html.figures import typeset
from saga_core.reporting.html.run_facts import Gate
from saga_core.reporting.html.strip import Axis, strip
from saga_core.reporting.results import ROW

_ROW = ROW["parse_success"]
_MODES = {"force": "the recipe forces it", "skip": "the recipe switches it off"}


@dataclass(frozen=True)
class GateView:
    """The section: the decision in a sentence, what to know of it, and the base's parse success beside τ."""

    said: str
    doubt: str
    drawing: Markup


def gate_view(gate: Gate) -> GateView:
    """Return the section."""
    rate, tau = gate.rate, gate.tau
    below = rate.value < tau
    relation = "below" if below else "at or above"
    decided = "so KL-SFT ran before DPO" if gate.run_sft else "so KL-SFT was skipped"
    if gate.mode in _MODES:
        decided = f"and KL-SFT {'ran' if gate.run_sft else 'did not run'}: {_MODES[gate.mode]}"
    figure = typeset(_ROW.cell(rate))
    said = f"By the judge, {figure} of the base's texts parse (n = {rate.n:,}), {relation} τ = {tau:.0%}, {decided}."
    doubt = ""
    if rate.low <= tau <= rate.high:
        doubt = "τ lies within the interval: other prompts could have decided otherwise."
    axis = Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), percent=True, reference=tau)
    title = f"Base parse success by the judge {figure}; the threshold τ, {tau:.0%}, is the dashed line"
    return GateView(said, doubt, strip(title, [("base", rate)], axis))
