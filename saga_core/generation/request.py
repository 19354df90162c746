"""A continuation that is wanted, and what became of it. Knows nothing of torch: asking for rows loads no model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """A continuation that is wanted; its draw is a function of the run's seed, key, temperature and k.

    Attributes:
        key: Identity of the prompt.
        prompt: Its text, without a trailing space.
        temperature: Divides the logits; above 0.
        k: Which of several draws at this temperature.
    """

    key: str
    prompt: str
    temperature: float
    k: int


@dataclass(frozen=True)
class Completion:
    """What the model made of a request.

    Attributes:
        request: The request.
        text: The continuation with its leading space or line break: ``request.prompt + text`` is the full
            text.
        tokens: Number of new tokens, the end-of-text token not counted.
        finished: Whether the model ended the text; else the limit of tokens cut it.
    """

    request: Request
    text: str
    tokens: int
    finished: bool
