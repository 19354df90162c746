"""The hacking panel: silent where nothing is wrong, loud where the judge was fooled or the text has collapsed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from saga_core.errors import StageError
from saga_core.evaluation.panel import Judged, Panel, build_panel
from saga_core.evaluation.parse import ParseOutcome
from saga_core.evaluation.signs import JUDGED, SIGNS
from saga_core.judges.verdict import Verdict
from saga_core.recipe import ScoringSettings

_N = 60
_SUBJECTS = ("Naboen", "Læreren", "Katten", "Fiskeren", "Ministeren", "Barnet", "Søsteren")
_VERBS = ("leste", "solgte", "malte", "fant", "beskrev", "glemte", "kjøpte", "savnet")
_OBJECTS = ("boka", "huset", "båten", "kartet", "hagen", "brevet", "klokka", "frakken", "steinen")


def _own(i: int) -> str:
    parts = (_SUBJECTS[i % 7], _VERBS[i % 8], _OBJECTS[i % 9])
    return f" {parts[1]} {parts[2]} nær hus {1900 + i} i går. {_SUBJECTS[(i + 3) % 7]} {_VERBS[(i * 5) % 8]} den ikke."


def _same(i: int) -> str:
    return " er god. Det er godt. Det er godt."


def _judged(text: Callable[[int], str], by_judge: Sequence[bool], by_evaluator: Sequence[bool]) -> Judged:
    outcomes = [
        ParseOutcome(f"p{i}", text(i), ok, 0.9 * ok, 1.0, f"Naboen{text(i)}", "[]") for i, ok in enumerate(by_evaluator)
    ]
    return Judged(outcomes, [Verdict(ok, 0.8 * ok, ()) for ok in by_judge])


def _some(many: int) -> list[bool]:
    return [i < many for i in range(_N)]


def _panel(final: Judged, base: Judged | None = None, trained: Sequence[str] = ()) -> Panel:
    models = {
        "human": _judged(_own, _some(55), _some(55)),
        "base": base or _judged(_own, _some(30), _some(30)),
        "final": final,
    }
    return build_panel(models, trained, "nb", ScoringSettings(), 1, 200)


def test_equal_gains_and_equal_texts_ring_no_alarm() -> None:
    panel = _panel(_judged(_own, _some(50), _some(50)))
    assert panel.alarms == ()
    assert panel.gains["ahead"].delta == 0.0
    assert panel.gains["judge"].delta == panel.gains["evaluator"].delta == pytest.approx(20 / _N)
    assert set(panel.figures) == set(panel.comparisons) == {sign.name for sign in (*JUDGED, *SIGNS)}
    for name, models in panel.figures.items():
        for estimate in models.values():
            assert estimate.low <= estimate.value <= estimate.high, name
    assert len(panel.texts) == 3 * _N


def test_a_judge_that_gains_more_than_the_evaluator_rings() -> None:
    panel = _panel(_judged(_own, _some(58), _some(32)))
    assert [alarm.name for alarm in panel.alarms] == ["judge_ahead"]
    assert panel.gains["ahead"].delta == pytest.approx(26 / _N)
    assert panel.gains["ahead"].low > 0
    assert "+46.7 points, by the evaluator by +3.3" in panel.alarms[0].said


def test_an_evaluator_that_gains_more_does_not() -> None:
    assert _panel(_judged(_own, _some(32), _some(58))).alarms == ()


def test_texts_that_have_become_one_ring() -> None:
    panel = _panel(_judged(_same, _some(50), _some(50)))
    rung = {alarm.name for alarm in panel.alarms}
    assert {"distinct_2", "self_bleu", "duplicates", "opener_entropy"} <= rung
    assert "judge_ahead" not in rung
    said = next(alarm.said for alarm in panel.alarms if alarm.name == "duplicates")
    assert said == "Exact duplicates went from 0.0% to 100.0%; human text has 0.0%."


def test_another_language_rings() -> None:
    panel = _panel(
        _judged(lambda i: f" was reading the newspaper and thinking about {i} houses.", _some(40), _some(40))
    )
    assert "language_share" in {alarm.name for alarm in panel.alarms}
    assert panel.figures["language_share"]["final"].value < 0.5


def test_what_people_do_as_well_is_no_trick() -> None:
    """The base's texts are longer than people's; a model that came nearer to people has not collapsed."""
    wordy = _judged(lambda i: _own(i) + _own(i + 20) + _own(i + 40), _some(30), _some(30))
    panel = _panel(_judged(_own, _some(30), _some(30)), base=wordy)
    assert panel.comparisons["words"].p < 0.001
    assert "words" not in {alarm.name for alarm in panel.alarms}


def test_texts_out_of_the_training_pairs_ring() -> None:
    panel = _panel(_judged(_same, _some(30), _some(30)), trained=[_same(0)] * 5)
    assert panel.figures["overlap"]["final"].value == 1.0
    assert panel.figures["overlap"]["base"].value == 0.0
    assert "overlap" in {alarm.name for alarm in panel.alarms}


def test_the_score_is_that_of_the_training() -> None:
    panel = _panel(_judged(_own, _some(10), _some(10)))
    for text in panel.texts:
        assert (text.judge_score == -1.0) == (not text.judge_passed)
        assert text.judge_score == -1.0 or 0.6 < text.judge_score <= 1.0


def test_human_texts_that_overlap_do_not_look_repetitive() -> None:
    """Every second prompt is of the same passage as the one before it."""
    article = _judged(lambda i: _own(i // 2) + _own(i // 2 + 30), _some(55), _some(55))
    models = {
        "human": article,
        "base": _judged(_own, _some(30), _some(30)),
        "final": _judged(_own, _some(30), _some(30)),
    }
    panel = build_panel(models, (), "nb", ScoringSettings(), 1, 200)
    for model in ("human", "base", "final"):
        assert panel.figures["self_bleu"][model].n == panel.figures["distinct_2"][model].n == _N // 2
        assert panel.figures["duplicates"][model].n == _N
    left_out = [text.item_id for text in panel.texts if text.self_bleu is None and text.model == "final"]
    assert left_out == [f"p{i}" for i in range(1, _N, 2)]


def test_other_prompts_are_refused() -> None:
    fewer = _judged(_own, _some(30)[:-1], _some(30)[:-1])
    with pytest.raises(StageError, match="the prompts of final are not those of the base"):
        _panel(fewer)
