"""A Llama of 0.2 million random weights with the tokenizer of nb-tiny, and a little to train on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerBase,
)

from saga_core.demo import DEMO_MODELS
from saga_core.preferences.pairs import Pair
from saga_core.recipe import LoraSettings, RuntimeSettings

SENTENCES = (
    "Filmen er en varm og morsom historie om vennskap.",
    "Han spiller gitar i et band fra Bergen.",
    "Boka handler om to søsken som flytter til byen.",
    "Dette er en plate som fortjener mange lyttere.",
    "Skuespillerne gjør en god jobb.",
    "Vi venter på neste sesong.",
    "Regissøren har laget en film som både underholder og får oss til å tenke.",
    "Maten smakte godt, men prisen var altfor høy.",
    "Spillet krever tid.",
    "Det er vanskelig å ikke la seg rive med av musikken.",
    "Serien har et høyt tempo og mange gode replikker.",
)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(DEMO_MODELS / "nb-tiny")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, tokenizer: PreTrainedTokenizerBase) -> str:
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(5)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=128,
            tie_word_embeddings=True,
            # Untrained logits are all but equal with the usual 0.02; these have something to say.
            initializer_range=0.2,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory, tokenizer: PreTrainedTokenizerBase) -> str:
    """Another architecture, with dropout of its own and transposed weights."""
    folder = tmp_path_factory.mktemp("gpt2")
    torch.manual_seed(5)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
    model = GPT2LMHeadModel(
        GPT2Config(
            **sizes,
            vocab_size=len(tokenizer),
            resid_pdrop=0.3,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def sentences() -> tuple[str, ...]:
    return SENTENCES


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    made = []
    for i, sentence in enumerate(SENTENCES):
        words = sentence.split()
        chosen, rejected = " " + " ".join(words[2:]), " " + " ".join(reversed(words[2:]))
        made.append(Pair(f"p{i}", " ".join(words[:2]), chosen, rejected, 0.9, -1.0, 0.7, 1.1, i == 0, False))
    return made


@pytest.fixture
def lora() -> LoraSettings:
    return LoraSettings(r=4, alpha=8, dropout=0.0)


@pytest.fixture
def runtime() -> RuntimeSettings:
    return RuntimeSettings(device="cpu", train_micro_batch=4)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
