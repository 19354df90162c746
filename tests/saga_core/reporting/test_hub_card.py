from __future__ import annotations

from dataclasses import replace

import pytest
from huggingface_hub import ModelCard

from saga_core.errors import StageError
from saga_core.reporting.card import CardFacts, render_card
from saga_core.reporting.hub_card import card_for_hub

TO = "org/nb-saga"


@pytest.mark.parametrize(
    "folder", ["/home/me/saga-store/publish/0a/1b", r'C:\models "of" mine', "demo-saga", "/mine (old)/\n\\1"]
)
def test_it_is_the_card_that_would_name_the_repository(run_facts: CardFacts, folder: str) -> None:
    pushed = ModelCard(card_for_hub(render_card(replace(run_facts, adapter_id=folder)), TO))
    there = ModelCard(render_card(replace(run_facts, adapter_id=TO)))
    assert pushed.text == there.text
    assert pushed.data.model_name == TO
    there.data.model_name = TO
    assert pushed.data.to_dict() == there.data.to_dict()


def test_pushed_again_it_is_the_same(run_facts: CardFacts) -> None:
    once = card_for_hub(render_card(run_facts), TO)
    assert card_for_hub(once, TO) == once


def test_another_text_is_refused() -> None:
    with pytest.raises(StageError, match="does not say how to load the adapter"):
        card_for_hub("---\nlanguage: nb\n---\n\n# Another model\n", TO)
