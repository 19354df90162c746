"""The held-out prompts of a run with what was written after them, and what the parsers said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from saga_core.errors import DamagedArtifactError
from saga_core.reporting.html.run_facts import Prompted, ReadSentence, Word, Written
from tasks.run_artifacts import RunArtifacts

_EVALUATIONS = {"human": "evaluate_human", "base": "evaluate_base", "final": "evaluate"}


@dataclass(frozen=True)
class _Sentence:
    """A sentence as an evaluation stores it: each token is form, part of speech, head and relation."""

    text: str
    passed: bool
    quality: float
    reasons: tuple[str, ...]
    tokens: tuple[tuple[str, str, int, str], ...]


_SENTENCES = TypeAdapter(tuple[_Sentence, ...])


def prompted_texts(run: RunArtifacts) -> tuple[Prompted, ...]:
    """Return the held-out prompts with their continuations; none where not both models were evaluated.

    Raises:
        DamagedArtifactError: A table is damaged, or has not the form that its stage gives it.
    """
    verdicts = _judge_verdicts(run)
    written = {series: _written(run, series, stage, verdicts) for series, stage in _EVALUATIONS.items()}
    base, final, human = written["base"], written["final"], written["human"]
    prompted = []
    for row in run.rows("data", "heldout_prompts.parquet"):
        name, prompt = row["id"], cleaned(row["prompt"])
        if name in base and name in final:
            # Where human text was not judged, it can be shown all the same.
            person = human.get(name) or Written(cleaned(row["sentence"]).removeprefix(prompt))
            prompted.append(Prompted(name, prompt, person, base[name], final[name]))
    return tuple(prompted)


def cleaned(text: str) -> str:
    """Return text in which what cannot be printed is marked, but for line breaks, and other white space is a space."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def _judge_verdicts(run: RunArtifacts) -> Mapping[tuple[str, str], bool]:
    """Return the judge's verdict of each model's texts, by model and item."""
    rows = run.rows("panel", "texts.parquet", ["model", "item_id", "judge_passed"])
    return {(row["model"], row["item_id"]): row["judge_passed"] for row in rows}


def _written(
    run: RunArtifacts, series: str, stage: str, verdicts: Mapping[tuple[str, str], bool]
) -> dict[str, Written]:
    rows = [row for row in run.rows(stage, "items.parquet") if row["task"] == "parse"]
    return {row["item_id"]: _text(row, stage, verdicts.get((series, row["item_id"]))) for row in rows}


def _text(row: Mapping[str, Any], stage: str, judge_passed: bool | None) -> Written:
    judged = row.get("judged")
    return Written(
        cleaned(row["text"]),
        row["passed"],
        row["quality"],
        cleaned(judged) if judged is not None else None,
        _sentences(row.get("sentences"), f"{stage}, item {row['item_id']}"),
        judge_passed,
    )


def _sentences(stored: str | None, where: str) -> tuple[ReadSentence, ...]:
    try:
        sentences: Sequence[_Sentence] = _SENTENCES.validate_json(stored or "[]")
    except ValidationError as error:
        raise DamagedArtifactError("its sentences have another form", where) from error
    return tuple(_sentence(each, where) for each in sentences)


def _sentence(sentence: _Sentence, where: str) -> ReadSentence:
    words = tuple(Word(cleaned(form), cleaned(upos), head, cleaned(rel)) for form, upos, head, rel in sentence.tokens)
    if not all(0 <= word.head <= len(words) for word in words):
        raise DamagedArtifactError("a word's head is outside its sentence", where)
    reasons = tuple(cleaned(reason) for reason in sentence.reasons)
    return ReadSentence(cleaned(sentence.text), sentence.passed, sentence.quality, reasons, words)
