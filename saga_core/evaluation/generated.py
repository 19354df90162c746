"""The tasks in which the model writes: continuations of prompts, summaries, answers; drawn, cut and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saga_core.evaluation.parse import ParseOutcome, judge_texts, parse_outcome
from saga_core.evaluation.prompts import fit_prompt
from saga_core.evaluation.reading import ReadingItem, ReadingOutcome, exact_match, f1, first_line
from saga_core.evaluation.summaries import SummaryItem, SummaryOutcome
from saga_core.generation.models import context_length
from saga_core.generation.request import Completion, Request
from saga_core.generation.sampler import sample
from saga_core.generation.trim import trim_to_complete
from saga_core.judges.protocol import Judge
from saga_core.progress import Tick
from saga_core.recipe import SamplingSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Writer:
    """A model that writes, and the judge of what it wrote.

    Attributes:
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        judge: A parser that took no part in the training.
        sampling: Temperature and repetition penalty of every draw, and the length of a continuation.
        language: Language code, for finding complete sentences.
        seed: Seed of the draws.
        batch_size: Rows generated at once; changes no text.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    judge: Judge
    sampling: SamplingSettings
    language: str
    seed: int
    batch_size: int

    def continuations(self, prompts: Sequence[tuple[str, str]], mattr_window: int, tick: Tick) -> list[ParseOutcome]:
        """Continue prompts; each is judged with its continuation, less a last sentence that the limit cut.

        Args:
            prompts: Id, which is also the key of the draw, and text of each.
            mattr_window: MATTR's window, in words.
            tick: Called once for each row that is drawn, and once for each that is judged; so in the others.
        """
        drawn = self._draw(prompts, self.sampling.max_new_tokens, tick)
        complete = [self._complete(c.request.prompt, c.text, c.finished) for c in drawn]
        texts = [c.request.prompt + text if text else "" for c, text in zip(drawn, complete, strict=True)]
        verdicts = judge_texts(self.judge, texts, tick)
        return [
            parse_outcome(c.request.key, c.text, text, verdict, mattr_window)
            for c, text, verdict in zip(drawn, texts, verdicts, strict=True)
        ]

    def summaries(
        self, items: Sequence[SummaryItem], template: str, max_new_tokens: int, tick: Tick
    ) -> list[SummaryOutcome]:
        """Summarise documents; a summary is judged alone, less a last sentence that the limit cut."""
        room = context_length(self.model, self.tokenizer) - max_new_tokens
        prompts = [(f"summary:{item.id}", fit_prompt(self.tokenizer, template, item.document, room)) for item in items]
        drawn = self._draw(prompts, max_new_tokens, tick)
        texts = [self._complete("", c.text, c.finished) for c in drawn]
        return [
            SummaryOutcome(item.id, c.text, verdict.passed, verdict.quality)
            for item, c, verdict in zip(items, drawn, judge_texts(self.judge, texts, tick), strict=True)
        ]

    def answers(
        self, items: Sequence[ReadingItem], template: str, max_new_tokens: int, tick: Tick
    ) -> list[ReadingOutcome]:
        """Answer questions; the first line written is the answer, and is judged alone."""
        room = context_length(self.model, self.tokenizer) - max_new_tokens
        prompts = [
            (
                f"reading:{item.id}",
                fit_prompt(self.tokenizer, template, item.context, room, question=item.question.strip()),
            )
            for item in items
        ]
        drawn = self._draw(prompts, max_new_tokens, tick)
        lines = [first_line(c.text, c.finished) for c in drawn]
        texts = [self._complete("", line, whole) for line, whole in lines]
        return [
            ReadingOutcome(
                item.id,
                line,
                verdict.passed,
                verdict.quality,
                f1(line, item.answers),
                exact_match(line, item.answers),
            )
            for item, (line, _), verdict in zip(items, lines, judge_texts(self.judge, texts, tick), strict=True)
        ]

    def _draw(self, prompts: Sequence[tuple[str, str]], max_new_tokens: int, tick: Tick) -> list[Completion]:
        requests = [Request(key, prompt, self.sampling.temperature, 0) for key, prompt in prompts]
        return sample(
            self.model,
            self.tokenizer,
            requests,
            max_new_tokens=max_new_tokens,
            repetition_penalty=self.sampling.repetition_penalty,
            seed=self.seed,
            batch_size=self.batch_size,
            tick=tick,
        )

    def _complete(self, prompt: str, text: str, whole: bool) -> str:
        return text if whole else trim_to_complete(prompt, text, self.language)
