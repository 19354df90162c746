from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.corpus.labelled import read_labelled
from saga_core.errors import UserError

GOOD, BAD = {"text": "Hun leser.", "label": 1}, {"text": "Leser hun den.", "label": "incorrect"}


def lines(*rows: object) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", lines(GOOD, BAD)),
        ("a.jsonl.gz", gzip.compress(lines(GOOD, BAD), mtime=0)),
        ("a.csv", b'\xef\xbb\xbftext,label\r\nHun leser.,1\r\n"Leser hun den.",0\r\n'),
        ("a.tsv", b"label\ttext\ntrue\tHun leser.\nFalse\tLeser hun den.\n"),
        ("a.CSV", b"id, Text ,LABEL\n7,Hun leser.,1.0\n8,Leser hun den., 0.0\n"),
        ("a.csv", b'"text";"label"\n"Hun leser.";1\nLeser hun den.;0\n'),
        ("a.csv", b'"Hun leser.",correct\nLeser hun den.,incorrect\n'),
        ("a.tsv", b"1\tHun leser.\n\n0\tLeser hun den.\n"),
        ("NoCoLa_class_test.txt", b"Grammatical:\nHun leser.\n\nUngrammatical:\nLeser hun den.\tO\n"),
    ],
)
def test_each_form_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_labelled(tmp_path / name) == [("Hun leser.", True), ("Leser hun den.", False)]


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("a.jsonl", lines(GOOD, {"text": "x"}), r"a\.jsonl:2"),
        ("a.jsonl", lines(GOOD, {"text": " ", "label": 0}), r"a\.jsonl:2"),
        ("a.jsonl", lines(GOOD) + b"\n{", r"a\.jsonl:2"),
        ("a.jsonl", lines(GOOD, 3), r"a\.jsonl:2"),
        ("a.jsonl", lines(GOOD, GOOD), "both labels"),
        ("a.jsonl", lines(GOOD, BAD) + b"\n\xff", r"a\.jsonl:3: not UTF-8: byte 0xff"),
        ("a.jsonl", lines(GOOD, {"text": "x", "label": 2}), r"a\.jsonl:2: 2 is no label"),
        ("a.jsonl", lines(GOOD, {"text": "Ja \ud800", "label": 0}), r"a\.jsonl:2: half a surrogate pair"),
        ("a.jsonl.gz", lines(GOOD, BAD), "cannot be read"),
        ("a.csv", b"sentence,label\nx,1\n", r"a\.csv:1: no columns `text` and `label`, but sentence, label"),
        ("a.csv", b"text,text,label\nx,y,1\n", r"a\.csv:1: two columns are called text"),
        ("a.csv", b"label,text\n1,Hun leser, han ikke.\n", r"a\.csv:2: 3 cells, and the first line has 2"),
        ("a.csv", b'text,label\nx,1\n"y"z,0\n', r"a\.csv:3"),
        ("a.json", b"[]", r"no known form: \.json"),
        ("a.txt", b"Hun leser.\n", r"a\.txt:1.*put sentences under Grammatical:"),
        ("a.txt", b"Grammatical:\nHun leser.\nHun\tO\tx\n", r"a\.txt:3"),
        ("a.txt", b"Grammatical:\nHun leser.\n", "both labels"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, name: str, content: bytes, where: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=where) as caught:
        read_labelled(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.jsonl"):
        read_labelled(tmp_path / "none.jsonl")


@given(content=st.binary(max_size=60), suffix=st.sampled_from(["jsonl", "csv", "tsv", "txt", "jsonl.gz"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str) -> None:
    path = tmp_path_factory.mktemp("labels") / f"a.{suffix}"
    path.write_bytes(content)
    try:
        assert read_labelled(path)
    except UserError:
        return


def test_a_quotation_mark_in_tsv_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"Hei," sa han.\t1\nSa han "hei\t0\n', encoding="utf-8")
    assert read_labelled(path) == [('"Hei," sa han.', True), ('Sa han "hei', False)]


def test_nocola_zeros_pairs_are_sentences_of_both_labels(tmp_path: Path) -> None:
    path = tmp_path / "nocola_zero.txt"
    path.write_text(
        "# pairs\nHun lese.\tHun leser.\tINFL\nLik.\tLik.\tW\nDen god er.\tDen er god.\tO\n", encoding="utf-8"
    )
    assert read_labelled(path) == [
        ("Hun lese.", False), ("Hun leser.", True), ("Den god er.", False), ("Den er god.", True)
    ]  # fmt: skip
