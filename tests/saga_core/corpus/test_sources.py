import gzip
import json
from pathlib import Path

import pytest

from saga_core.corpus.sources import read_documents
from saga_core.errors import UserError
from saga_core.outside import Outside
from saga_core.recipe import TextSource


def read(path: Path, **settings: object) -> list[str]:
    source = TextSource(path=str(path), **settings)
    return list(read_documents(source, Outside({}, str(path)), 0))


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_json_lines_are_read_also_gzipped(tmp_path: Path, suffix: str) -> None:
    data = "".join(json.dumps({"body": f"tekst æ {i}"}, ensure_ascii=False) + "\n" for i in range(3)).encode()
    path = tmp_path / f"text{suffix}"
    path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    assert read(path, field="body") == ["tekst æ 0", "tekst æ 1", "tekst æ 2"]
    assert read(path, field="body", limit=1) == ["tekst æ 0"]


def test_blank_lines_part_the_documents_of_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("En linje.\nTo linjer.\n\n\nEt nytt dokument.\n", encoding="utf-8")
    assert read(path) == ["En linje.\nTo linjer.", "Et nytt dokument."]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", '{"text": "blåbær"}\n{"text": "blåbær"}\n'.encode("latin-1"), r"a\.jsonl:1: not UTF-8: byte 0xe5"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', r"a\.jsonl:2: not JSON"),
        ("a.jsonl", b'{"text": "a"}\n{"body": "a"}\n', r"a\.jsonl:2: no text in the field text: the line has body"),
        ("a.jsonl", b"[1]\n", r"a\.jsonl:1: no text in the field text: the line is no object"),
        ("a.jsonl.gz", b"not gzip", r"a\.jsonl\.gz:1: damaged gzip file"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "a"}\n' * 9, mtime=0)[:-12], r"damaged gzip file"),
        ("a.pdf", b"%PDF", r"unknown kind of text file"),
    ],
)
def test_bad_input_is_named_by_file_and_line(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UserError, match=message) as raised:
        read(path)
    assert "\n" not in str(raised.value)


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('\ufeff{"text": "tekst"}\n'.encode())
    assert read(path) == ["tekst"]


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "\\ud800"}\n')
    with pytest.raises(UserError, match=r"a\.jsonl:1: half a surrogate pair"):
        read(path)
