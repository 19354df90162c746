"""A judge is trained for real, on a slice of the demo's treebank and for a few steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from saga_core.corpus.treebank import read_treebank
from saga_core.demo import DEMO
from saga_core.errors import UserError
from saga_core.judges.trained_pipeline import FACTS, WEIGHTS, load_pipeline, save_pipeline
from saga_core.judges.training import Trained, cut, read_parts, scores, train_pipeline

TREEBANK = DEMO / "text" / "articles.conllu"
STEPS = 120

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained() -> Trained:
    ticks: list[int] = []
    made = train_pipeline(
        cut(read_treebank(TREEBANK)[:400], dev=True, test=True), "nb", STEPS, 0, lambda done=1: ticks.append(done)
    )
    assert len(ticks) == made.steps == STEPS
    return made


@pytest.fixture(scope="module")
def folder(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judge")
    save_pipeline(trained.nlp, folder)
    return folder


def test_it_learns(trained: Trained) -> None:
    assert trained.scores["upos"] > 0.4
    assert trained.scores["uas"] > trained.scores["las"] > 0.1


def test_what_is_read_back_parses_alike(trained: Trained, folder: Path) -> None:
    again = load_pipeline(folder)
    sentences = read_treebank(TREEBANK)[400:500]
    assert scores(again, sentences) == scores(trained.nlp, sentences)
    texts = [sentence.text for sentence in sentences]
    for first, second in zip(trained.nlp.pipe(texts), again.pipe(texts), strict=True):
        assert first.to_json() == second.to_json()


def test_a_relation_that_is_rare_is_learned(trained: Trained) -> None:
    moves = trained.nlp.get_pipe("parser").label_data
    found = {label.partition("-")[2] for label in trained.nlp.get_pipe("parser").move_names if "-" in label}
    train = cut(read_treebank(TREEBANK)[:400], dev=True, test=True).train
    assert moves
    assert {word.deprel for sentence in train for word in sentence.words} - {"root"} <= found


def test_its_files_are_json_and_safetensors(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [FACTS, WEIGHTS]


def test_another_version_of_spacy_is_refused(folder: Path, tmp_path: Path) -> None:
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    # As when a later spaCy builds another network: here it has another number of outputs.
    facts["labels"]["parser"] = {move: {"x": 1} for move in facts["labels"]["parser"]}
    (tmp_path / FACTS).write_text(json.dumps(facts | {"spacy": "2.0"}), encoding="utf-8")
    (tmp_path / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes())
    with pytest.raises(UserError, match=r"trained with spaCy 2\.0, and this is"):
        load_pipeline(tmp_path)


def test_a_damaged_file_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / FACTS).write_bytes((folder / FACTS).read_bytes())
    (tmp_path / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:100])
    with pytest.raises(UserError, match="cannot be read"):
        load_pipeline(tmp_path)


def test_parts_that_a_treebank_has_are_taken_and_others_cut(tmp_path: Path) -> None:
    text = TREEBANK.read_text(encoding="utf-8").split("\n\n")
    train, test = tmp_path / "x-train.conllu", tmp_path / "x-test.conllu"
    train.write_text("\n\n".join(text[:200]) + "\n\n", encoding="utf-8")
    test.write_text("\n\n".join(text[200:230]) + "\n\n", encoding="utf-8")
    parts = read_parts({"train": train, "test": test})
    assert (len(parts.train), len(parts.dev), len(parts.test)) == (180, 20, 30)
    alone = read_parts({"train": train})
    assert (len(alone.train), len(alone.dev), len(alone.test)) == (160, 20, 20)
    assert not {s.conllu for s in alone.train} & {s.conllu for s in (*alone.dev, *alone.test)}


def test_a_treebank_that_is_too_small_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_text("1\tHei\thei\tINTJ\t_\t_\t0\troot\t_\t_\n\n", encoding="utf-8")
    with pytest.raises(UserError, match="1 sentences are too few"):
        read_parts({"train": path})
