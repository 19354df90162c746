"""One continuation a prompt, as a model is measured: sampled, trimmed, joined to its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from saga_core.generation.sampler import Request, sample
from saga_core.generation.trim import trim_to_complete
from saga_core.progress import Tick
from saga_core.recipe import SamplingSettings


@dataclass(frozen=True)
class Continuation:
    """What a model made of a prompt.

    Attributes:
        id: The prompt's id.
        text: Prompt and continuation to the last complete sentence; empty where there is none.
        continuation: The continuation alone, likewise.
        finished: Whether the model ended the text itself.
    """

    id: str
    text: str
    continuation: str
    finished: bool


def continue_prompts(
    model: Any,  # noqa: ANN401 - any causal language model of transformers
    tokenizer: Any,  # noqa: ANN401
    prompts: Sequence[tuple[str, str]],
    sampling: SamplingSettings,
    language: str,
    *,
    seed: int,
    batch_size: int,
    tick: Tick,
) -> list[Continuation]:
    """Draw one continuation for each prompt; the same seed gives two models the same noise.

    Args:
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer, padding on the left.
        prompts: Id and text of each prompt.
        sampling: Temperature, length and repetition penalty.
        language: Language code, for finding the last complete sentence.
        seed: Seed of the draw.
        batch_size: Rows generated at once; does not change the texts.
        tick: Called as rows are finished.
    """
    requests = [Request(name, prompt, sampling.temperature, 0) for name, prompt in prompts]
    completions = sample(
        model,
        tokenizer,
        requests,
        max_new_tokens=sampling.max_new_tokens,
        repetition_penalty=sampling.repetition_penalty,
        seed=seed,
        batch_size=batch_size,
        tick=tick,
    )
    drawn = []
    for c in completions:
        prompt = c.request.prompt
        continuation = c.text if c.finished else trim_to_complete(prompt, c.text, language)
        drawn.append(
            Continuation(c.request.key, prompt + continuation if continuation else "", continuation, c.finished)
        )
    return drawn
