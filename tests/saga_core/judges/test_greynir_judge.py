from __future__ import annotations

import gc
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from saga_core.errors import StageError
from saga_core.judges.greynir_judge import FOREIGN, NO_TREE, TOO_LONG, TOO_SLOW, GreynirJudge, judge_sentence
from saga_core.judges.rules import NO_SUBJECT, NO_VERBAL_ROOT

# Each phrase can belong to any before it, so that there are more trees than any other sentence of its length has.
AMBIGUOUS = "Hundurinn svaf " + "í húsinu við ána hjá bænum undir fjallinu " * 9


def _no_tick(done: int = 1) -> None:
    pass


def _workers() -> set[multiprocessing.process.BaseProcess]:
    return {child for child in multiprocessing.active_children() if child.name == "pebble_pool_worker"}


@pytest.mark.parametrize(
    "sentence",
    [
        "Hún las bókina í gær.",
        "Mig langar í bók.",
        "Það rignir.",
        "Að lesa er gaman.",
        "Hvað gekk illa?",
        "Talar þú ensku?",
        "„Ég kem á morgun,“ sagði hún.",
        "Húsið, sem Jón keypti, brann.",
    ],
)
def test_a_sentence_with_a_finite_main_clause_and_its_subject_passes(sentence: str) -> None:
    verdict = judge_sentence(sentence)
    assert verdict.passed
    assert verdict.reasons == ()
    assert verdict.components["every_subject"] == 1
    assert verdict.components["closed"] == 1


@pytest.mark.parametrize(
    ("sentence", "reasons"),
    [
        ("Hestarnir hleypur.", (NO_TREE,)),
        ("Gamall stelpan fór heim.", (NO_TREE,)),
        ("Mér langa í bók.", (NO_TREE,)),
        ("Opinn fundur um skýrslu nefndarinnar.", (NO_VERBAL_ROOT, NO_SUBJECT)),
        ("Húsið sem Jón keypti.", (NO_VERBAL_ROOT, NO_SUBJECT)),
        ("Farðu heim!", (NO_SUBJECT,)),
        ("Þá var stefnt að því.", (NO_SUBJECT,)),
        ("The committee has published three reports.", (FOREIGN,)),
    ],
)
def test_a_sentence_that_fails_says_why(sentence: str, reasons: tuple[str, ...]) -> None:
    verdict = judge_sentence(sentence)
    assert verdict.reasons == reasons
    assert not verdict.passed
    assert verdict.quality == 0


def test_length_decides_before_the_parser_is_asked() -> None:
    began = time.monotonic()
    assert judge_sentence(AMBIGUOUS + AMBIGUOUS + ".").reasons == (TOO_LONG,)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("sentence", "resolved"),
    [
        ("Jón Tryggvason keypti bókina árið 2019.", 1),
        ("Jón keypti 17 hesta hjá Apple.", 1),
        ("Ég sá hestabókahillu í gær.", 1),
        ("Jón keypti snurfið hjá Siggu.", 4 / 5),
        ("Zqwxy er stór.", 2 / 3),
        ("Jafntefli fleytti Besiktas áfram.", 3 / 4),
    ],
)
def test_only_words_that_nothing_is_known_of_are_unresolved(sentence: str, resolved: float) -> None:
    assert judge_sentence(sentence).components["resolved"] == pytest.approx(resolved)


def test_a_clause_without_a_subject_counts_half() -> None:
    verdict = judge_sentence("Þá var stefnt að því og hún las bókina.")
    assert verdict.passed
    assert verdict.components["every_subject"] == 0.5


def test_a_slow_sentence_is_told_and_the_next_is_judged() -> None:
    judge = GreynirJudge("all_sentences", seconds=0.3)
    ticks: list[int] = []
    texts = ["Hún las bókina.", AMBIGUOUS + ".", "Hún las bókina."]
    before, slow, after = judge.judge(texts, lambda done=1: ticks.append(done))
    assert before.passed
    assert not slow.passed
    assert [sentence.reasons for sentence in slow.sentences] == [(TOO_SLOW,)]
    assert after == before
    assert ticks == [1, 1, 1]


def test_processes_live_on_between_calls_and_end_with_the_judge() -> None:
    others = _workers()
    judge = GreynirJudge("all_sentences")
    (first,) = judge.judge(["Hún las bókina."], _no_tick)
    started = _workers() - others
    assert judge.judge(["Hún las bókina."], _no_tick) == [first]
    assert _workers() - others == started
    del judge
    gc.collect()
    assert not _workers() & started


def test_the_death_of_a_process_is_one_line_and_the_judge_goes_on() -> None:
    others = _workers()
    judge = GreynirJudge("all_sentences")
    (first,) = judge.judge(["Hún las bókina."], _no_tick)
    with ThreadPoolExecutor(1) as thread:
        busy = thread.submit(judge.judge, [AMBIGUOUS + "."], _no_tick)
        time.sleep(0.5)
        for worker in _workers() - others:
            worker.kill()
        with pytest.raises(StageError, match=r"Greynir: .* died with 'Hundurinn .*; lower runtime\.workers") as raised:
            busy.result()
    assert "\n" not in str(raised.value)
    assert judge.judge(["Hún las bókina."], _no_tick) == [first]
    for worker in _workers() - others:
        worker.kill()
    # The pool looks ten times a second.
    time.sleep(1)
    assert judge.judge(["Hún las bókina."], _no_tick) == [first]
