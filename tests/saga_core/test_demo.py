"""What the embedded demo promises: sums, sizes, and text of our own that is worth learning from."""

import hashlib
import json
from collections.abc import Iterator

from saga_core.corpus.sentences import split_sentences
from saga_core.demo import DEMO, DEMO_MODELS, DEMO_TEXT


def articles() -> Iterator[dict[str, object]]:
    for line in (DEMO_TEXT / "articles.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def test_every_file_has_its_checksum() -> None:
    lines = (DEMO / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = {f.relative_to(DEMO).as_posix(): f for d in (DEMO_MODELS, DEMO_TEXT) for f in d.rglob("*") if f.is_file()}
    assert sums == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}


def test_it_stays_small() -> None:
    assert sum(f.stat().st_size for f in DEMO.rglob("*") if f.is_file() and "__pycache__" not in f.parts) < 30e6


def test_the_articles_are_whole() -> None:
    found = list(articles())
    assert len({article["id"] for article in found}) == len(found) >= 60
    assert sum(len(split_sentences(str(article["text"]), "nb")) for article in found) >= 600
    for article in found:
        assert article["summary"]
        assert isinstance(article["questions"], list)
        assert len(article["questions"]) == 2
        assert all(question["answer"] in str(article["text"]) for question in article["questions"])


def test_the_silver_treebank_is_of_the_articles() -> None:
    text = " ".join(" ".join(str(article["text"]).split()) for article in articles())
    lines = (DEMO_TEXT / "articles.conllu").read_text(encoding="utf-8").splitlines()
    sentences = [line.removeprefix("# text = ") for line in lines if line.startswith("# text = ")]
    assert len(sentences) >= 600
    assert all(sentence in text for sentence in sentences)
