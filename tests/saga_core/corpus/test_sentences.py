import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from saga_core.corpus.sentences import clean, good_sentences, split_sentences


@given(st.text())
def test_cleaning_is_idempotent_and_leaves_no_control_characters(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert not [c for c in cleaned if unicodedata.category(c) == "Cc" and c != "\n"]
    assert "\n\n" not in cleaned


def test_a_new_line_always_begins_a_sentence() -> None:
    assert split_sentences("En overskrift\nHun kom hjem. Han gikk ut!", "nb") == [
        "En overskrift",
        "Hun kom hjem.",
        "Han gikk ut!",
    ]


def test_a_language_that_spacy_has_no_exceptions_for_is_split_too() -> None:
    assert split_sentences("Mun boađán. Don manat!", "se") == ["Mun boađán.", "Don manat!"]


def test_only_whole_plain_sentences_of_fair_length_are_good() -> None:
    text = "\n".join(
        [
            "En overskrift uten punktum til slutt",
            "For kort.",
            "Dette er en god setning om fjell.",
            "se også http://example.org for mer om dette.",
            "Tabell | med | mange | streker | i.",
            "1999 2000 2001 2002 2003 2004.",
            "«Dette sa hun til alle som ville høre.»",
        ]
    )
    assert list(good_sentences(text, "nb", 5, 40)) == [
        "Dette er en god setning om fjell.",
        "«Dette sa hun til alle som ville høre.»",
    ]
