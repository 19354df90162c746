from __future__ import annotations

from typing import Any

import pytest

from saga_core.evaluation.generated import Writer
from saga_core.evaluation.reading import ReadingItem
from saga_core.evaluation.summaries import SummaryItem
from saga_core.generation.trim import trim_to_complete
from saga_core.judges.protocol import Judge
from saga_core.judges.verdict import Verdict
from saga_core.progress import Tick
from saga_core.recipe import SamplingSettings
from saga_core.rewards.mattr import mattr

_PROMPTS = [(f"p{i}", text) for i, text in enumerate(["Filmen er", "Dette er en god film.", "Hun synger", "Boka"] * 5)]


def _no_tick(done: int = 1) -> None:
    """Count nothing."""


_DOCUMENT = "Statsministeren sa i går at regjeringen vil bygge flere veier. " * 20


class _Listening:
    """The demo's judge, that also keeps what it was given."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.heard: list[str] = []

    def judge(self, texts: list[str], tick: Tick) -> list[Verdict]:
        self.heard += texts
        return self._judge.judge(texts, tick)


@pytest.fixture
def listening(judge: Judge) -> _Listening:
    return _Listening(judge)


@pytest.fixture
def writer(tiny: tuple[Any, Any], listening: _Listening) -> Writer:
    return Writer(*tiny, listening, SamplingSettings(max_new_tokens=30), "nb", seed=3, batch_size=16)


def test_a_continuation_is_judged_with_its_prompt_and_without_a_cut_sentence(
    writer: Writer, listening: _Listening
) -> None:
    outcomes = writer.continuations(_PROMPTS, 25, _no_tick)
    complete = [trim_to_complete(prompt, o.text, "nb") for (_, prompt), o in zip(_PROMPTS, outcomes, strict=True)]
    heard = [prompt + text for (_, prompt), text in zip(_PROMPTS, complete, strict=True) if text]
    # Where the model ended the text itself, it is heard whole and so is no shorter.
    assert len(listening.heard) >= len(heard) > 0
    assert all(any(whole.startswith(text) for whole in listening.heard) for text in heard)
    assert [o.prompt_id for o in outcomes] == [name for name, _ in _PROMPTS]
    assert [o.mattr for o in outcomes] == [mattr(o.text, 25) for o in outcomes]
    assert all((o.quality > 0) == o.passed for o in outcomes)
    silent = [o for o, text in zip(outcomes, complete, strict=True) if not text]
    assert silent
    assert not any(o.passed for o in silent)


def test_a_summary_is_judged_alone(writer: Writer, listening: _Listening) -> None:
    items = [SummaryItem(str(i), f"{i}. {_DOCUMENT}", ()) for i in range(8)]
    outcomes = writer.summaries(items, "Dokument: {text}\nSammendrag:", 40, _no_tick)
    assert [o.item_id for o in outcomes] == [item.id for item in items]
    assert listening.heard
    assert not any("Dokument" in text for text in listening.heard)
    assert set(listening.heard) <= {o.text for o in outcomes} | {trim_to_complete("", o.text, "nb") for o in outcomes}
    assert outcomes == writer.summaries(items, "Dokument: {text}\nSammendrag:", 40, _no_tick)


def test_an_answer_is_one_line(writer: Writer, listening: _Listening) -> None:
    items = [ReadingItem(str(i), _DOCUMENT, f"Hva sa han {i}?", ("Veier", "flere veier")) for i in range(8)]
    outcomes = writer.answers(items, "Tekst: {text}\nSpørsmål: {question}\nSvar:", 32, _no_tick)
    assert [o.item_id for o in outcomes] == [item.id for item in items]
    assert not any("\n" in text for text in [*listening.heard, *(o.text for o in outcomes)])
    assert all(0 <= o.f1 <= 1 for o in outcomes)
