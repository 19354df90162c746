"""Which forms are wrong in each other's place: guessed from tags alone, and by a treebank's lemmas."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from saga_core.corpus.treebank import read_treebank
from saga_core.judges.paradigms import Tagging, feats_of, wrong_forms

COMMON = "Definite=Ind|Gender=Com|Number=Sing"
NEUTER = "Definite=Ind|Gender=Neut|Number=Sing"
ADJECTIVES = ("fin", "stor", "klok", "varm", "bred", "frisk", "hvit", "tung", "svak", "fersk", "grov")


def adjectives() -> list[list[Tagging]]:
    common = [(stem, "ADJ", COMMON) for stem in ADJECTIVES]
    neuter = [(f"{stem}t", "ADJ", NEUTER) for stem in ADJECTIVES]
    return [common, neuter]


def test_an_ending_that_many_words_take_makes_two_words_forms_of_one() -> None:
    found = wrong_forms([*adjectives(), [("Skar", "ADJ", COMMON), ("skarpe", "ADJ", NEUTER)]], [])
    assert found["fin"] == ("fint",)
    assert found["fersk"] == ("ferskt",)
    # No other two differ so.
    assert "skar" not in found


def test_too_few_words_with_an_ending_make_none() -> None:
    assert wrong_forms([part[:9] for part in adjectives()], []) == {}


def test_a_past_is_as_good_as_a_present_and_an_infinitive_is_not() -> None:
    stems = ("mål", "tel", "spil", "hør", "lær", "kjør", "føl", "styr", "før", "vis")
    forms = (
        ("er", "Tense=Pres|VerbForm=Fin"),
        ("te", "Tense=Past|VerbForm=Fin"),
        ("e", "VerbForm=Inf"),
    )
    found = wrong_forms([[(stem + ending, "VERB", feats) for ending, feats in forms] for stem in stems], [])
    assert found["måler"] == ("måle",)
    assert found["måle"] == ("måler", "målte")


def test_where_the_treebank_gives_no_form_the_mood_tells() -> None:
    stems = ("kast", "vent", "rop", "hopp", "kall", "svar", "tak", "sak", "mal", "rit")
    forms = (("ar", "Mood=Ind|Tense=Pres"), ("a", "VerbForm=Inf"))
    found = wrong_forms([[(stem + ending, "VERB", feats) for ending, feats in forms] for stem in stems], [])
    assert found["kastar"] == ("kasta",)


def test_a_form_that_may_be_right_is_none() -> None:
    # "store" is plural as well as definite; "ekte" is whatever it has to be.
    either = [[(stem, "ADJ", feats) for stem in ADJECTIVES] for feats in (COMMON, NEUTER)]
    neuter = adjectives()[1]
    assert wrong_forms([*either, neuter], []) == {}


def test_closed_words_differ_in_nothing_but_what_is_demanded() -> None:
    article, sign = "PronType=Art", "PronType=Dem"
    words = [
        ("en", "DET", f"Gender=Masc|Number=Sing|{article}"),
        ("et", "DET", f"Gender=Neut|Number=Sing|{article}"),
        ("dette", "DET", f"Gender=Neut|Number=Sing|{sign}"),
        ("min", "PRON", "Gender=Masc|Number=Sing|Poss=Yes"),
        ("mitt", "PRON", "Gender=Neut|Number=Sing|Poss=Yes"),
        ("hun", "PRON", "Case=Nom|Gender=Fem|Person=3"),
        ("henne", "PRON", "Case=Acc|Gender=Fem|Person=3"),
        ("han", "PRON", "Case=Nom|Gender=Masc|Person=3"),
    ]
    found = wrong_forms([words] * 10, [])
    assert found == {
        "en": ("et",),
        "et": ("en",),
        "min": ("mitt",),
        "mitt": ("min",),
        "hun": ("henne",),
        "henne": ("hun",),
    }
    assert wrong_forms([words] * 9, []) == {}, "a word that is seldom such is a parser's error"


def test_a_treebanks_lemma_needs_no_ending(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    rows = (("er", "Fin"), ("var", "Fin"), ("vært", "Part"))
    path.write_text(
        "".join(f"1\t{form}\tvære\tAUX\t_\tVerbForm={feat}\t0\troot\t_\t_\n\n" for form, feat in rows), encoding="utf-8"
    )
    assert wrong_forms([], read_treebank(path)) == {"er": ("vært",), "var": ("vært",), "vært": ("er", "var")}


_feats = st.dictionaries(
    st.sampled_from(["Gender", "Number", "Case", "VerbForm", "Poss"]), st.sampled_from(["A", "B", "A,B"]), max_size=3
).map(feats_of)
_token = st.tuples(
    st.text("abå-", min_size=1, max_size=6), st.sampled_from(["ADJ", "DET", "PRON", "VERB", "X"]), _feats
)


@given(st.lists(st.lists(_token, max_size=8), max_size=30))
def test_it_is_mutual_never_of_itself_and_whatever_the_order(tagged: list[list[Tagging]]) -> None:
    found = wrong_forms(tagged * 10, [])
    for word, others in found.items():
        assert word not in others
        assert all(word in found[other] for other in others)
    assert wrong_forms([sentence[::-1] for sentence in reversed(tagged)] * 10, []) == found
