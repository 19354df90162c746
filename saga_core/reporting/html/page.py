"""The whole page: every section's view, put into the templates, with the style sheet and the policy that guards it."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from saga_core.reporting.html.cost_section import cost
from saga_core.reporting.html.figures import typeset
from saga_core.reporting.html.gate_section import gate_view
from saga_core.reporting.html.item_section import items
from saga_core.reporting.html.judge_section import judge_view
from saga_core.reporting.html.lineage_section import lineage
from saga_core.reporting.html.panel_section import panel_view
from saga_core.reporting.html.result_section import results
from saga_core.reporting.html.run_facts import RunFacts
from saga_core.reporting.html.sample_section import samples
from saga_core.reporting.html.score_section import scores
from saga_core.reporting.html.summary_section import summary
from saga_core.reporting.html.training_section import training

# A language's code as HTML may have it; any other is left out.
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def render(facts: RunFacts) -> bytes:
    """Return the report of a run as one HTML page in UTF-8; the same facts give the same bytes.

    The page needs no network and runs no script: theme and filters are radio buttons that the style sheet reads, and
    the page's content security policy forbids all but that one style sheet.

    Args:
        facts: What the run has.
    """
    style = _style()
    policy = f"default-src 'none'; style-src '{_hash(style)}'; img-src data:; base-uri 'none'; form-action 'none'"
    page = (
        _environment()
        .get_template("page.html")
        .render(
            facts=facts,
            # The sheet is ours and holds no text of a run.
            style=Markup(style),
            policy=policy,
            lang=facts.language if _LANGUAGE.fullmatch(facts.language) else None,
            summary=summary(facts),
            results=results(facts),
            gate=gate_view(facts.gate) if facts.gate else None,
            scores=scores(facts),
            training=training(facts),
            judge=judge_view(facts),
            panel=panel_view(facts),
            samples=samples(facts),
            items=items(facts),
            lineage=lineage(facts),
            cost=cost(facts),
        )
    )
    # What was no text in a stored JSON file, such as half of a surrogate pair, becomes a question mark.
    return page.encode("utf-8", "replace")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("saga_core.reporting.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = typeset
    return environment


@cache
def _style() -> str:
    return (files("saga_core.reporting.html") / "templates" / "style.css").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
