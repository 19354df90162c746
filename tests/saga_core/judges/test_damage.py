from __future__ import annotations

from pathlib import Path

import pytest

from saga_core.corpus.treebank import TreebankSentence, join_tokens, read_treebank
from saga_core.judges.damage import agreement_errors, floors

_CONLLU = """\
# text = Hun leser den store boka hver dag.
1\tHun\thun\tPRON\t_\tGender=Fem\t2\tnsubj\t_\t_
2\tleser\tlese\tVERB\t_\tMood=Ind|Tense=Pres|VerbForm=Fin\t0\troot\t_\t_
3\tden\tden\tDET\t_\tGender=Fem|Number=Sing\t5\tdet\t_\t_
4\tstore\tstor\tADJ\t_\tDefinite=Def\t5\tamod\t_\t_
5\tboka\tbok\tNOUN\t_\tGender=Fem|Number=Sing\t2\tobj\t_\t_
6\thver\thver\tDET\t_\tGender=Masc|Number=Sing\t7\tdet\t_\t_
7\tdag\tdag\tNOUN\t_\tGender=Masc|Number=Sing\t2\tobl\t_\t_
8\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\t_

# text = Det store huset har hun villet lese i hvert år.
1\tDet\tden\tDET\t_\tGender=Neut|Number=Sing\t3\tdet\t_\t_
2\tstor\tstor\tADJ\t_\tDefinite=Ind\t3\tamod\t_\t_
3\thuset\thus\tNOUN\t_\tGender=Neut|Number=Sing\t6\tobj\t_\t_
4\thar\tha\tAUX\t_\tTense=Pres|VerbForm=Fin\t6\taux\t_\t_
5\thun\thun\tPRON\t_\tGender=Fem\t6\tnsubj\t_\t_
6\tlese\tlese\tVERB\t_\tVerbForm=Inf\t0\troot\t_\t_
7\ti\ti\tADP\t_\t_\t9\tcase\t_\t_
8\thvert\thver\tDET\t_\tGender=Neut|Number=Sing\t9\tdet\t_\t_
9\tår\tår\tNOUN\t_\tGender=Neut|Number=Sing\t6\tobl\t_\t_
10\t.\t.\tPUNCT\t_\t_\t6\tpunct\t_\t_
"""


@pytest.fixture
def treebank(tmp_path: Path) -> list[TreebankSentence]:
    path = tmp_path / "a.conllu"
    path.write_text(_CONLLU, encoding="utf-8")
    return read_treebank(path)


def test_a_modifier_or_a_finite_verb_is_put_into_another_form_of_its_lemma(treebank: list[TreebankSentence]) -> None:
    first = join_tokens(treebank[0].forms)
    made = {
        (each.kind, each.bad)
        for seed in range(20)
        for each in agreement_errors(treebank, 10, seed)
        if each.good == first
    }
    assert made == {
        ("gender", "Hun leser det store boka hver dag."),
        ("gender", "Hun leser den store boka hvert dag."),
        ("definiteness", "Hun leser den stor boka hver dag."),
        ("verb form", "Hun lese den store boka hver dag."),
    }


def test_a_form_that_is_right_too_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    # "den" for both genders: whoever writes it is right.
    path.write_text(_CONLLU.replace("1\tDet\t", "1\tDen\t").replace("8\thvert\t", "8\thver\t"), encoding="utf-8")
    assert "gender" not in {each.kind for each in agreement_errors(read_treebank(path), 10, 0)}


def test_the_same_seed_damages_alike_and_a_limit_is_kept(treebank: list[TreebankSentence]) -> None:
    assert agreement_errors(treebank, 10, 3) == agreement_errors(treebank, 10, 3)
    assert [each.kind for each in agreement_errors(treebank, 1, 3)].count("gender") == 1


def test_floors_keep_the_words_that_they_say_and_the_mark_at_the_end(treebank: list[TreebankSentence]) -> None:
    by_kind = {each.kind: each for each in floors(treebank[:1], 1, 0)}
    words = treebank[0].forms[:-1]
    shuffled, repeated, truncated = (by_kind[kind].bad for kind in ("shuffled", "repeated", "truncated"))
    assert sorted(shuffled[:-1].split()) == sorted(words)
    assert shuffled[:-1].split() != list(words)
    extra = len(repeated.split()) - len(words)
    assert 2 <= extra <= 4
    assert any([*words[: i + extra], *words[i:]] == repeated[:-1].split() for i in range(len(words)))
    assert list(words[: len(truncated.split())]) == truncated[:-1].split()
    assert len(words) // 3 <= len(truncated.split()) <= 2 * len(words) // 3
    assert all(text.endswith(".") for text in (shuffled, repeated, truncated))


def test_without_lemmas_no_form_is_another_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    rows = [line.split("\t") for line in _CONLLU.splitlines()]
    path.write_text("\n".join("\t".join([*row[:2], "_", *row[3:]]) if row[2:] else row[0] for row in rows) + "\n\n")
    assert agreement_errors(read_treebank(path), 10, 0) == []
