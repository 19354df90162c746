"""Which sentences of a text are learned from, and which held out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from saga_core.errors import UserError
from saga_core.judges.slip_text import read_slip_text


def test_too_little_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Hun leser boka hver dag.\n\nHan ser henne i morgen.\n", encoding="utf-8")
    with pytest.raises(UserError, match="are too few to learn from"):
        read_slip_text(path, "nb")


def test_what_is_held_out_is_of_other_documents_and_in_no_other_part(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    texts = [" ".join(f"Hund nummer {n} ser {m} katter ute." for m in range(8)) for n in range(100)]
    # One document stands twice, once of them held out.
    rows = [json.dumps({"text": text}) for text in [*texts, *texts[9:10]]]
    path.write_text("\n".join(rows), encoding="utf-8")
    text = read_slip_text(path, "nb")
    assert not set(text.train) & set(text.heldout)
    assert (len(text.train), len(text.heldout)) == (91 * 8, 9 * 8)
