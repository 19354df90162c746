from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.corpus.treebank import TreebankSentence, join_tokens, read_treebank
from saga_core.errors import UserError
from saga_core.judges.verdict import Token


def test_joining_leaves_no_space_before_closing_and_after_opening_marks() -> None:
    forms = ["Ja", ",", "(", "han", "[", "sa", "]", ")", ":", "{", "nei", "}", ";", "hva", "?", "«", "Å", "»", "!", "."]
    assert join_tokens(forms) == "Ja, (han [sa]): {nei}; hva? « Å »!."


_CONLLU = """# sent_id = 1
# text = Vi går på'n igjen.
1\tVi\tvi\tPRON\t_\t_\t2\tnsubj\t_\t_
2\tgår\tgå\tVERB\t_\t_\t0\troot\t_\t_
3-4\tpå'n\t_\t_\t_\t_\t_\t_\t_\t_
3\tpå\tpå\tADP\t_\t_\t4\tcase\t_\t_
4\tden\tden\tPRON\t_\t_\t2\tobl\t_\t_
4.1\tnull\t_\tVERB\t_\t_\t_\t_\t_\t_
5\tigjen\tigjen\tADV\t_\t_\t2\tadvmod\t_\tSpaceAfter=No
6\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\t_

1\tHei\thei\tINTJ\t_\tForeign=Yes\t0\troot\t_\t_
2\t!\t!\tPUNCT\t_\t_\t1\tpunct\t_\t_
"""


@pytest.fixture
def treebank(tmp_path: Path) -> Path:
    path = tmp_path / "a.conllu"
    path.write_text(_CONLLU, encoding="utf-8")
    return path


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_a_multiword_token_stays_whole_and_empty_nodes_are_no_tokens(treebank: Path, line_break: str) -> None:
    treebank.write_bytes(_CONLLU.replace("\n", line_break).encode())
    first, second = read_treebank(treebank)
    assert first.text == "Vi går på'n igjen."
    assert first.forms == ("Vi", "går", "på'n", "igjen", ".")
    assert first.upos == ("PRON", "VERB", "ADP", "ADV", "PUNCT")
    assert [(word.form, word.head, word.deprel) for word in first.words][2:4] == [("på", 4, "case"), ("den", 2, "obl")]
    hei, mark = Token("Hei", "INTJ", {"Foreign": "Yes"}, 0, "root"), Token("!", "PUNCT", {}, 1, "punct")
    assert second == TreebankSentence(
        "Hei!", ("Hei", "!"), ("INTJ", "PUNCT"), (hei, mark), ("hei", "!"), "\n".join(_CONLLU.split("\n")[11:13])
    )
    assert first.lemmas == ("vi", "gå", "på", "den", "igjen", ".")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("2\tgår\tgå\tVERB\t_\t_\t0\troot\t_\t_", "2\tgår\tgå\tVERB", 4),
        ("1\tHei\t", "x\tHei\t", 12),
        ("# text = Vi", "Vi", 2),
        ("2\t!\t!\tPUNCT\t_\t_\t1\tpunct\t_\t_", "2-3\t!\t!\tPUNCT\t_\t_\t1\tpunct\t_\t_", 13),
        ("2\t!\t!\tPUNCT", "x\t!\t!\tPUNCT", 13),
        ("2\t!\t!\tPUNCT", "3\t!\t!\tPUNCT", 13),
        ("2\t!\t!\tPUNCT", "2\t!\t!\tMARK", 13),
        ("\t1\tpunct", "\t7\tpunct", 13),
        ("\t1\tpunct", "\t0\troot", 13),
        ("\t1\tpunct", "\t2\tpunct", 13),
        ("\t1\tpunct", "\t_\tpunct", 13),
        ("\t1\tpunct", "\t1\t_", 13),
        ("\t0\troot\t_\t_\n2\t!", "\t2\troot\t_\t_\n2\t!", 12),
        ("Foreign=Yes", "Foreign", 12),
    ],
)
def test_a_malformed_treebank_is_the_users_error_with_its_line(treebank: Path, old: str, new: str, line: int) -> None:
    treebank.write_text(_CONLLU.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=rf"a\.conllu:{line}:"):
        read_treebank(treebank)


def test_no_file_no_text_and_no_sentence_are_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "latin.conllu").write_bytes(b"1\t\xe5\n")
    (tmp_path / "empty.conllu").write_text("\n")
    for name in ("none.conllu", "latin.conllu", "empty.conllu"):
        with pytest.raises(UserError, match=name):
            read_treebank(tmp_path / name)


@given(st.text(alphabet="1\t_.-a#\n =", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.conllu"
        path.write_text(text)
        try:
            sentences = read_treebank(path)
        except UserError:
            return
        assert all(len(s.forms) == len(s.upos) > 0 for s in sentences)


def test_comments_and_notes_are_left_out_of_what_a_library_is_given(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    rows = _CONLLU.splitlines()
    rows[3] += "x|SpaceAfter=No|Name=Y"
    rows.insert(4, "# between two words")
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join([*rows, "", ""]).encode())
    first = read_treebank(path)[0].conllu.split("\n")
    assert not [row for row in first if row.startswith("#")]
    assert {row.split("\t")[9] for row in first} == {"_", "SpaceAfter=No"}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("5\tigjen", "4-5\tigjen\t_\t_\t_\t_\t_\t_\t_\t_\n5\tigjen", "begins with no next word"),
        ("1\tHei\t", "1\t\t", "without a form"),
    ],
)
def test_what_would_break_a_library_is_refused(treebank: Path, old: str, new: str, what: str) -> None:
    treebank.write_text(_CONLLU.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=what):
        read_treebank(treebank)
