"""The page of a stage in Prefect's interface, as Markdown: what came of it, its figures, a picture, where it lies."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from saga_core.reporting.markdown import escape, table
from saga_core.reporting.stage_facts import StageFacts
from saga_core.reporting.stage_words import figures, sentence

_MB = 1e6

# What each picture shows, for those who cannot see it.
_ALT = {
    "judge": "Bars: the judge's scores on sentences that it has not seen",
    "judge_check": "Points with intervals: how well the judge tells right from wrong, and what passes",
    "items": "Bars: how many items of each task are measured on, and how many were left out",
    "data": "Bars: how much of what the recipe wants the corpus gave",
    "probe": "Base PS with its 95% interval on a line from 0 to 100%",
    "gate": "Base PS with its 95% interval, and the threshold τ, on a line from 0 to 100%",
    "sft": "Curves of KL-SFT by step: loss, and KL to the base",
    "candidates": "Histogram of the candidates' words, by temperature",
    "scores": "Histogram of the candidates' scores",
    "pairs": "Histograms of the pairs' scores and gaps, and bars of what became of the prompts",
    "dpo": "Curves of DPO by step: loss, reward accuracy and reward margin",
    "evaluate_base": "The base model's figures with 95% intervals",
    "evaluate_human": "Human text's figures with 95% intervals",
    "panel": "Points with intervals: parse success by judge and evaluator, of base, aligned model and human text",
    "evaluate": "The figures of the base and of the aligned model with 95% intervals",
    "publish": "The figures of the base and of the published model with 95% intervals",
}


@dataclass(frozen=True)
class Listed:
    """A file of an artifact.

    Attributes:
        path: Relative to the artifact.
        size: Bytes.
        url: The link that leads there from a page of a server, or None.
    """

    path: str
    size: int
    url: str | None


@dataclass(frozen=True)
class Place:
    """Where an artifact lies.

    Attributes:
        uri: Path or URI of its folder.
        files: Its files.
        command: What shows it at a terminal.
    """

    uri: str
    files: Sequence[Listed]
    command: str


def stage_page(facts: StageFacts, place: Place | None, picture: bytes | None) -> str:
    """Return the page of a stage.

    Args:
        facts: What became of it, and its figures.
        place: Where its artifact lies; None where there is none.
        picture: Its picture as PNG, if there is one.
    """
    if place is None:
        return "\n\n".join((f"**{escape(facts.state.capitalize())}**: {escape(facts.why)}.", "There is no artifact."))
    parts = [sentence(facts), figures(facts)]
    if picture is not None:
        parts.append(f"![{_ALT[facts.stage]}](data:image/png;base64,{base64.b64encode(picture).decode()})")
    return "\n\n".join([*parts, _state(facts), _where(place)])


def own_page(text: str, facts: StageFacts, place: Place) -> str:
    """Return the page of a stage whose artifact tells in words of its own what came of it.

    Args:
        text: They, as Markdown.
        facts: What became of it.
        place: Where its artifact lies.
    """
    return "\n\n".join((text.rstrip(), _state(facts), _where(place)))


def _state(facts: StageFacts) -> str:
    took = f"{facts.seconds:,.1f} s" if facts.seconds >= 0.1 else "less than 0.1 s"
    return f"**{escape(facts.state.capitalize())}** ({escape(facts.why)}); making the artifact took {took}."


def _where(place: Place) -> str:
    rows = [(_link(file), _size(file.size)) for file in place.files]
    parts = ("The artifact lies in", block(place.uri), table(("File", "Size"), rows))
    return "\n\n".join((*parts, "Show it at a terminal:", block(place.command)))


def _link(file: Listed) -> str:
    return f"[{escape(file.path)}]({file.url})" if file.url else escape(file.path)


def _size(size: int) -> str:
    return f"{size / _MB:,.1f} MB" if size >= _MB else f"{size / 1e3:,.1f} kB"


def block(text: str) -> str:
    """Return text as a block of code of one line, which a narrow page scrolls instead of letting it run out."""
    # Longer than any fence within, so that the text cannot end it.
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}\n{' '.join(text.split())}\n{fence}"
