from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from saga_core.demo import DEMO_MODELS
from saga_core.errors import StageError
from saga_core.preferences.pairs import Pair
from saga_core.training.rows import pair_rows, sentence_rows, text_rows

TOKENIZER = AutoTokenizer.from_pretrained(DEMO_MODELS / "nb-tiny")
PAIR = Pair("p0", "Filmen er", " god.", " i på.", 0.9, -1.0, 0.7, 1.1, False, False)


def test_a_side_ends_with_end_of_text_only_where_the_model_ended_it(tokenizer: PreTrainedTokenizerBase) -> None:
    eos = tokenizer.eos_token_id
    for chosen, rejected in ((True, False), (False, True), (False, False), (True, True)):
        (row,), _ = pair_rows(tokenizer, [replace(PAIR, chosen_finished=chosen, rejected_finished=rejected)], 100)
        assert (row["chosen_ids"][-1] == eos, row["rejected_ids"][-1] == eos) == (chosen, rejected)
        assert eos not in row["prompt_ids"] + row["chosen_ids"][:-1] + row["rejected_ids"][:-1]


def test_prompt_part_is_the_prompt_as_generation_tokenises_it(tokenizer: PreTrainedTokenizerBase) -> None:
    (row,), _ = pair_rows(tokenizer, [PAIR], 100)
    assert row["prompt_ids"] == tokenizer("Filmen er")["input_ids"]
    assert row["prompt_ids"].count(tokenizer.bos_token_id) == 1
    assert tokenizer.decode(row["chosen_ids"]) == " god."


def test_trailing_space_of_a_prompt_is_not_a_token(tokenizer: PreTrainedTokenizerBase) -> None:
    assert pair_rows(tokenizer, [replace(PAIR, prompt="Filmen er ")], 100) == pair_rows(tokenizer, [PAIR], 100)


def test_token_across_the_border_counts_as_continuation(tokenizer: PreTrainedTokenizerBase) -> None:
    (row,), _ = pair_rows(tokenizer, [replace(PAIR, prompt="Filmen e", chosen="r god.", rejected=" på i.")], 100)
    assert row["prompt_ids"] + row["chosen_ids"] == tokenizer("Filmen er god.")["input_ids"]
    assert row["prompt_ids"] + row["rejected_ids"] == tokenizer("Filmen e på i.")["input_ids"]
    assert tokenizer.decode(row["chosen_ids"]) == " er god."


def test_literal_begin_of_text_is_not_doubled(tokenizer: PreTrainedTokenizerBase) -> None:
    (row,), _ = pair_rows(tokenizer, [replace(PAIR, prompt=tokenizer.bos_token + "Filmen er")], 100)
    assert row == pair_rows(tokenizer, [PAIR], 100)[0][0]


def test_long_pairs_are_dropped_whole_and_counted(tokenizer: PreTrainedTokenizerBase) -> None:
    long = replace(PAIR, rejected=" på" * 50)
    rows, dropped = pair_rows(tokenizer, [PAIR, long, PAIR], 30)
    assert (len(rows), dropped) == (2, 1)
    (row,), _ = pair_rows(tokenizer, [long], 100)
    exact = row["length"]
    assert pair_rows(tokenizer, [long], exact) == ([row], 0)
    assert pair_rows(tokenizer, [long], exact - 1) == ([], 1)
    # End-of-text takes room too.
    assert pair_rows(tokenizer, [replace(long, rejected_finished=True)], exact) == ([], 1)


def test_empty_continuation_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(StageError, match="pair p0: a continuation is empty"):
        pair_rows(tokenizer, [replace(PAIR, rejected="")], 100)


def test_sentences_begin_the_text_and_do_not_end_it(tokenizer: PreTrainedTokenizerBase) -> None:
    rows, dropped = sentence_rows(tokenizer, ["Han sover.", "", "ord " * 40], 20)
    assert rows == [tokenizer("Han sover.")["input_ids"]]
    assert rows[0][0] == tokenizer.bos_token_id
    assert rows[0][-1] != tokenizer.eos_token_id
    assert dropped == 1


def test_real_text_is_cut(tokenizer: PreTrainedTokenizerBase) -> None:
    (row,) = text_rows(tokenizer, ["ord " * 40, ""], 20)
    assert row == tokenizer("ord " * 40)["input_ids"][:20]


@given(
    prompt=st.text("aæb e.\n", min_size=1),
    chosen=st.text("aæb e.\n", min_size=1),
    rejected=st.text("aæb e.\n", min_size=1),
)
def test_rows_are_the_tokenizers_own_spelling(prompt: str, chosen: str, rejected: str) -> None:
    (row,), _ = pair_rows(TOKENIZER, [replace(PAIR, prompt=prompt, chosen=chosen, rejected=rejected)], 10_000)
    assert row["prompt_ids"] + row["chosen_ids"] == TOKENIZER(prompt.rstrip() + chosen)["input_ids"]
    assert row["prompt_ids"] + row["rejected_ids"] == TOKENIZER(prompt.rstrip() + rejected)["input_ids"]
    assert row["prompt_ids"][0] == TOKENIZER.bos_token_id
    assert min(len(row["chosen_ids"]), len(row["rejected_ids"])) > 0
