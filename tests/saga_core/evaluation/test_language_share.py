"""The language identifier tells our six languages apart, as its documentation here says."""

from __future__ import annotations

import pytest

from saga_core import languages
from saga_core.evaluation.language_share import identifier, languages_of

_TEXTS = {
    "nb": "Hun visste ikke hva hun skulle gjøre, og derfor gikk hun hjem til moren sin igjen etter at møtet var slutt.",
    "nn": "Ho visste ikkje kva ho skulle gjere, og difor gjekk ho heim til mor si att etter at møtet var slutt.",
    "da": "Hun vidste ikke, hvad hun skulle gøre, og derfor gik hun hjem til sin mor igen, efter at mødet var slut.",
    "sv": "Hon visste inte vad hon skulle göra, och därför gick hon hem till sin mamma igen efter att mötet var slut.",
    "is": "Hún vissi ekki hvað hún átti að gera og þess vegna fór hún aftur heim til móður sinnar eftir fundinn.",
    "fo": "Hon visti ikki, hvat hon skuldi gera, og tí fór hon aftur heim til mammu sína, eftir at fundurin var av.",
    "en": "She did not know what to do, and so she went home to her mother again after the meeting was over.",
}


@pytest.mark.parametrize("language", _TEXTS)
def test_each_language_is_known(language: str) -> None:
    assert languages_of([_TEXTS[language]]) == [language]


def test_every_language_of_a_recipe_has_a_text_here() -> None:
    assert set(languages.codes()) <= set(_TEXTS)


def test_what_has_no_letter_is_in_no_language() -> None:
    assert languages_of(["", "  ", "12 345.", "…"]) == ["und"] * 4
    assert identifier().startswith("py3langid ")
