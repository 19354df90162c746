"""Human text is cut and judged as a model's is."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from saga_core.evaluation.human import HumanText
from saga_core.evaluation.reading import ReadingItem
from saga_core.evaluation.summaries import SummaryItem
from saga_core.judges.protocol import Judge


@pytest.fixture(scope="module")
def human(tiny: tuple[Any, Any], judge: Judge) -> HumanText:
    return HumanText(tiny[1], judge, "nb")


def _tick(done: int = 1) -> None:
    pass


def test_a_continuation_is_cut_by_tokens_and_judged_to_its_last_complete_sentence(human: HumanText) -> None:
    prompts = [("a", "Filmen er"), ("b", "Filmen er")]
    text = " ikke god. Jeg likte den ikke, og det gjorde ingen andre heller, fordi den var altfor lang og kjedelig."
    short, whole = human.continuations(prompts, [text, " ikke god"], 12, 25, _tick)
    assert short.judged == "Filmen er ikke god."
    assert text.startswith(short.text.rstrip("\ufffd"))
    assert len(short.text) < len(text)
    # What ends by itself is judged as it is, though no full stop ends it.
    assert whole.judged == "Filmen er ikke god"
    assert short.prompt_id == "a"


def test_no_tokenizer_loses_the_space_after_the_prompt(judge: Judge) -> None:
    """Decoded alone, a SentencePiece tokenizer's tokens begin without it, and the judge would read one word."""
    pieces = Tokenizer(models.BPE(unk_token="<unk>"))
    pieces.pre_tokenizer, pieces.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    text = " bor i Oslo. Hun bor i Bergen."
    trainer = trainers.BpeTrainer(vocab_size=60, special_tokens=["<unk>"])
    pieces.train_from_iterator([f"Han{text}"], trainer)
    human = HumanText(PreTrainedTokenizerFast(tokenizer_object=pieces), judge, "nb")
    for limit in (1, 3, 6, 100):
        (outcome,) = human.continuations([("a", "Han")], [text], limit, 25, _tick)
        assert text.startswith(outcome.text)
        assert outcome.text.startswith(" ")
    assert outcome.judged == f"Han{text}"


def test_summaries_and_answers_are_the_first_of_each(human: HumanText) -> None:
    summaries = human.summaries(
        [SummaryItem("s", "Tekst.", ("Mannen leste boka.", "Noe annet.")), SummaryItem("none", "Tekst.", ())], 60, _tick
    )
    assert [(o.item_id, o.text) for o in summaries] == [("s", "Mannen leste boka.")]
    answers = human.answers([ReadingItem("r", "Tekst.", "Hva?", ("Oslo", "i Oslo"))], 32, _tick)
    assert [(o.text, o.f1, o.em, o.passed) for o in answers] == [("Oslo", 1.0, True, False)]
