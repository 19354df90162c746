"""The section of the texts: human, base and aligned side by side, each with its parse and its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from saga_core.judges.rules import SUBJECTS
from saga_core.reporting.html.figures import NAMES, Badge
from saga_core.reporting.html.run_facts import Prompted, ReadSentence, RunFacts, Word, Written
from saga_core.reporting.html.samples import OUTCOMES, Outcome, draw
from saga_core.reporting.html.strip import Series
from saga_core.reporting.html.tree import tree


@dataclass(frozen=True)
class SentenceView:
    """A sentence: its text, verdict and the reason for it, its tree, and its words with their heads' forms."""

    text: str
    badge: Badge
    reason: str
    tree: Markup | None
    words: tuple[tuple[Word, str], ...]


@dataclass(frozen=True)
class TextView:
    """A text: whose, its two parts, the verdicts and the sentences.

    Attributes:
        series: Whose it is.
        whose: The same for people.
        judged: The part of the continuation that the evaluator saw.
        cut: The rest, which the token limit cut off; blank where there is none.
        badge: The evaluator's verdict.
        quality: The evaluator's quality; blank where there is none.
        judge: The verdict of the training's judge; blank where there is none.
        sentences: What the evaluator saw, sentence by sentence.
    """

    series: Series
    whose: str
    judged: str
    cut: str
    badge: Badge
    quality: str
    judge: str
    sentences: tuple[SentenceView, ...]


@dataclass(frozen=True)
class SampleView:
    """A prompt with its texts, and what became of it."""

    number: int
    outcome: Outcome
    name: str
    meaning: str
    prompt: str
    texts: tuple[TextView, ...]


@dataclass(frozen=True)
class Samples:
    """The section: the sample, how it was drawn, and how many of each outcome there are in all.

    Attributes:
        views: The texts.
        total: Number of prompts in all.
        seed: Seed of the draw.
        counts: Outcome with its name, its meaning, how many are shown and how many there are.
        parsed: Whether any parse is stored.
    """

    views: tuple[SampleView, ...]
    total: int
    seed: int
    counts: tuple[tuple[Outcome, str, str, int, int], ...]
    parsed: bool


def samples(facts: RunFacts) -> Samples | None:
    """Return the section, or None where the run has no texts of both models."""
    if not facts.prompted:
        return None
    drawn = draw(facts.prompted, facts.seed)
    chosen = [(name, each) for name, some in drawn.texts.items() for each in some]
    views = tuple(_view(number, name, each) for number, (name, each) in enumerate(chosen, 1))
    counts = tuple(
        (name, *OUTCOMES[name], len(drawn.texts[name]), drawn.counts[name]) for name in OUTCOMES if drawn.counts[name]
    )
    parsed = any(sentence.tree for view in views for text in view.texts for sentence in text.sentences)
    return Samples(views, drawn.total, facts.seed, counts, parsed)


def _view(number: int, name: Outcome, prompted: Prompted) -> SampleView:
    texts: Mapping[Series, Written | None] = {
        "human": prompted.human,
        "base": prompted.base,
        "final": prompted.final,
    }
    views = tuple(_text(series, prompted.prompt, text) for series, text in texts.items() if text)
    return SampleView(number, name, *OUTCOMES[name], prompted.prompt, views)


def _text(series: Series, prompt: str, written: Written) -> TextView:
    judged, cut = written.text, ""
    whole = prompt + written.text
    if written.judged is not None and whole.startswith(written.judged) and len(written.judged) >= len(prompt):
        judged = whole[len(prompt) : len(written.judged)]
        cut = whole[len(written.judged) :]
    elif written.judged == "":
        judged, cut = "", written.text
    quality = "" if not written.passed or written.quality is None else f"quality {written.quality:.2f}"
    judge = (
        ""
        if written.judge_passed is None
        else f"by the training’s judge it {'passes' if written.judge_passed else 'fails'}"
    )
    sentences = tuple(_sentence(each) for each in written.sentences)
    return TextView(series, NAMES[series], judged, cut.rstrip(), _badge(written.passed), quality, judge, sentences)


def _badge(passed: bool | None) -> Badge:
    if passed is None:
        return Badge("plain", "not judged")
    return Badge("good", "passes") if passed else Badge("bad", "fails")


def _sentence(sentence: ReadSentence) -> SentenceView:
    words = sentence.words
    reason = _passing(words) if sentence.passed else ", ".join(sentence.reasons) or "no reason was given"
    drawn = None
    if words:
        roots = ", ".join(word.form for word in words if word.head == 0) or "none"
        drawn = tree(f"Dependency tree of “{sentence.text}”, root: {roots}; the table below has every word", words)
    heads = tuple((word, words[word.head - 1].form if word.head else "") for word in words)
    return SentenceView(sentence.text, _badge(sentence.passed), reason, drawn, heads)


def _passing(words: Sequence[Word]) -> str:
    """Return what makes a sentence pass: its root and the root's subject."""
    place = next((place for place, word in enumerate(words, 1) if word.head == 0), None)
    if place is None:
        return "root and subject were found"
    subjects = [word.form for word in words if word.head == place and word.deprel in SUBJECTS]
    subject = f", its subject “{subjects[0]}”" if subjects else ""
    return f"the root is “{words[place - 1].form}”{subject}"
