import json
from pathlib import Path

import pytest

from saga_core.corpus.items import read_questions, read_summaries
from saga_core.demo import DEMO_TEXT
from saga_core.errors import UserError
from saga_core.outside import Outside


def pin(path: Path) -> Outside:
    return Outside({}, str(path))


def test_the_demos_articles_are_summaries_and_questions() -> None:
    articles = pin(DEMO_TEXT / "articles.jsonl")
    summaries, questions = read_summaries(articles, "test", "nb"), read_questions(articles, "test")
    assert len(summaries) == 108
    assert len(questions) == 216
    assert all(answer in question.context for question in questions for answer in question.answers)
    assert len({question.id for question in questions}) == 216


def test_norsumm_has_summaries_of_the_language(tmp_path: Path) -> None:
    path = tmp_path / "norsumm.json"
    row = {"id": "a", "article": "Tekst.", "summaries_nb": [{"summary1": "En."}, {"summary2": "To."}]}
    path.write_text(json.dumps([row]))
    (item,) = read_summaries(pin(path), "test", "nb")
    assert (item.document, item.references) == ("Tekst.", ("En.", "To."))


def test_squad_has_questions_by_paragraph_and_those_without_answers_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "squad.json"
    answers = [{"text": "Oslo"}, {"text": "Oslo"}, {"text": "i Oslo"}]
    qas = [{"id": 1, "question": "Hvor?", "answers": answers}, {"id": 2, "question": "Når?", "answers": []}]
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": "Tekst.", "qas": qas}]}]}))
    (item,) = read_questions(pin(path), "test")
    assert (item.id, item.context, item.answers) == ("1", "Tekst.", ("Oslo", "i Oslo"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", r"a\.json: not JSON"),
        ("a.json", "[" * 100_000, r"a\.json: not JSON"),
        ("a.jsonl", '\n{"text": "Ja \\ud800.", "summary": "x"}', r"a\.jsonl:2: half a surrogate pair"),
        ("a.json", '{"x": 1}', r"neither a list nor an object with data"),
        ("a.json", '[{"text": "x"}]', r"a\.json\[0\]: unknown form of item: .*with text"),
        ("a.jsonl", '{"text": "x"}\n', r"a\.jsonl:1: unknown form of item"),
        ("a.jsonl", "[]\n", r"a\.jsonl:1: unknown form"),
        ("a.jsonl", "", r"no evaluation item is here"),
    ],
)
def test_another_form_is_named_with_its_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    for read in (lambda: read_summaries(pin(path), "test", "nb"), lambda: read_questions(pin(path), "test")):
        with pytest.raises(UserError, match=message):
            read()
