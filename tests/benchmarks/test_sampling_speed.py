"""Row-seeded sampling against Transformers' own, side by side: what reproducible rows cost.

Prints tokens a second; fails no build for being slow. Run with ``make benchmark``.
"""

import time
from collections.abc import Callable

import pytest
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from saga_core.demo import DEMO_MODELS
from saga_core.generation.models import load_model
from saga_core.generation.request import Request
from saga_core.generation.sampler import sample

pytestmark = pytest.mark.benchmark
ROWS, NEW = 64, 40


def rate(call: Callable[[], int]) -> float:
    call()
    start = time.perf_counter()
    return call() / (time.perf_counter() - start)


@pytest.mark.parametrize("vocabulary", [6_144, 128_256])
def test_row_seeded_sampling(vocabulary: int) -> None:
    torch.manual_seed(0)
    model, tokenizer = load_model(str(DEMO_MODELS / "nb-tiny"), revision=None, device="cpu")
    if vocabulary > model.config.vocab_size:
        config = LlamaConfig(**model.config.to_dict() | {"vocab_size": vocabulary})
        model = LlamaForCausalLM(config).eval()
    requests = [Request(str(i), "Hun kom hjem", 0.8, 0) for i in range(ROWS)]
    ids = tokenizer([r.prompt for r in requests], return_tensors="pt")
    config = GenerationConfig(
        do_sample=True,
        temperature=0.8,
        top_k=0,
        max_new_tokens=NEW,
        repetition_penalty=1.3,
        pad_token_id=2,
        eos_token_id=1,
    )

    def ours() -> int:
        done = sample(
            model,
            tokenizer,
            requests,
            max_new_tokens=NEW,
            repetition_penalty=1.3,
            seed=0,
            batch_size=ROWS,
            tick=lambda done=1: None,
        )
        return sum(c.tokens for c in done)

    def theirs() -> int:
        with torch.inference_mode():
            out = model.generate(**ids, generation_config=config)[:, ids["input_ids"].shape[1] :]
        return int(((out != 1) & (out != 2)).sum())

    one, other = rate(ours), rate(theirs)
    speeds = f"row-seeded {one:,.0f} tokens/s, Transformers {other:,.0f}, ratio {one / other:.2f}"
    print(f"\nvocabulary {vocabulary:,}: {speeds}")
    assert one > 0
