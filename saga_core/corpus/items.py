"""Reading evaluation items: summaries and questions, from the forms in which such data sets are published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from saga_core.corpus.labelled import labelled, read_labelled
from saga_core.corpus.sources import check_characters, read_lines
from saga_core.errors import UserError
from saga_core.evaluation.acceptability import AcceptabilityItem
from saga_core.evaluation.reading import ReadingItem
from saga_core.evaluation.summaries import SummaryItem
from saga_core.outside import Outside

Row = Mapping[str, Any]


def read_summaries(pin: Outside, split: str, language: str) -> list[SummaryItem]:
    """Read documents with reference summaries.

    Known forms: JSON Lines with ``text`` and ``summary`` (or the Hub's ``target_text``), and NorSumm's JSON, a list of
    objects with ``article`` and ``summaries_LANGUAGE``.

    Raises:
        UserError: The file is of another form; with file and line or position.
    """
    return _read(pin, split, partial(_summary_items, language))


def read_questions(pin: Outside, split: str) -> list[ReadingItem]:
    """Read questions with a context and answers.

    Known forms: JSON Lines with ``text`` and ``questions`` (each ``question`` and ``answer``), the Hub's rows with
    ``context``, ``question`` and ``answers``, and SQuAD's JSON. A question that has no answer is left out.

    Raises:
        UserError: The file is of another form; with file and line or position.
    """
    return _read(pin, split, _reading_items)


def read_acceptability(pin: Outside, split: str) -> list[AcceptabilityItem]:
    """Read labelled sentences: files as ``read_labelled`` knows them, or the Hub's rows with ``text`` and ``label``.

    Raises:
        UserError: The file is of another form, or a row has no text or label; with file and line.
    """
    if pin.revision is None:
        found = read_labelled(Path(pin.location))
    else:
        found = [labelled(row, where) for where, row in _rows(pin, split)]
    return [AcceptabilityItem(text, right) for text, right in found]


def _read(pin: Outside, split: str, items: Callable[[Row, str], Iterator[Any]]) -> list[Any]:
    found = []
    for where, row in _rows(pin, split):
        try:
            found += list(items(row, where))
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            fields = ", ".join(sorted(row)) if isinstance(row, Mapping) else type(row).__name__
            raise UserError(
                f"unknown form of item: {error!r} with {fields}", where, "see saga_core/corpus/items.py"
            ) from error
    if not found:
        raise UserError("no evaluation item is here", pin.location, "correct the source")
    return found


def _rows(pin: Outside, split: str) -> Iterator[tuple[str, Row]]:
    if pin.revision is not None:
        # The hub's client is large, and only recipes that name the Hub need it.
        from datasets import load_dataset

        rows = load_dataset(pin.location, split=split, revision=pin.revision)
        yield from ((f"{pin.location}[{i}]", row) for i, row in enumerate(rows))
        return
    path = Path(pin.location)
    if path.name.removesuffix(".gz").endswith(".jsonl"):
        for number, line in read_lines(path):
            if line.strip():
                yield f"{path}:{number}", _parse(line, f"{path}:{number}")
        return
    value = _parse("\n".join(line for _, line in read_lines(path)), str(path))
    # SQuAD wraps its articles in an object; NorSumm is a plain list.
    rows = value.get("data") if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise UserError("neither a list nor an object with data", str(path), "give SQuAD, NorSumm or JSON Lines")
    yield from ((f"{path}[{i}]", row) for i, row in enumerate(rows))


def _parse(text: str, where: str) -> Any:  # noqa: ANN401 - JSON has no narrower type
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"not JSON: {error}", where, "correct the file") from error
    if "\\ud" in text.lower():
        # Only an escape can make half a pair; two halves of one are a character by now.
        check_characters(json.dumps(value, ensure_ascii=False), where)
    return value


def _summary_items(language: str, row: Row, where: str) -> Iterator[SummaryItem]:
    if "article" in row:
        references = [text for summary in row[f"summaries_{language}"] for text in summary.values()]
        yield SummaryItem(str(row["id"]), _text(row["article"], where), tuple(references))
    else:
        summary = row["summary"] if "summary" in row else row["target_text"]
        yield SummaryItem(str(row.get("id", where.rsplit("/", 1)[-1])), _text(row["text"], where), (summary,))


def _reading_items(row: Row, where: str) -> Iterator[ReadingItem]:
    name = str(row.get("id", where.rsplit("/", 1)[-1]))
    if "questions" in row:
        for i, item in enumerate(row["questions"]):
            yield ReadingItem(
                f"{name}/{i}", _text(row["text"], where), _text(item["question"], where), (str(item["answer"]),)
            )
    elif "paragraphs" in row:
        for paragraph in row["paragraphs"]:
            for item in paragraph["qas"]:
                answers = tuple(dict.fromkeys(str(answer["text"]) for answer in item["answers"]))
                if answers:
                    yield ReadingItem(
                        str(item["id"]), _text(paragraph["context"], where), _text(item["question"], where), answers
                    )
    elif answers := tuple(row["answers"]["text"]):
        yield ReadingItem(name, _text(row["context"], where), _text(row["question"], where), answers)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        shown = "empty text" if isinstance(value, str) else f"a {type(value).__name__}"
        raise UserError(f"{shown} where a text should be", where, "correct the item")
    return value
