"""Human text under the models' conditions: what a model that writes like people would score.

Real text does not all parse, by any parser; without this column nobody can tell how much of the way a model has gone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saga_core.evaluation.parse import ParseOutcome, judge_texts, parse_outcome
from saga_core.evaluation.reading import ReadingItem, ReadingOutcome, exact_match, f1, first_line
from saga_core.evaluation.summaries import SummaryItem, SummaryOutcome
from saga_core.generation.trim import trim_to_complete
from saga_core.judges.protocol import Judge
from saga_core.progress import Tick

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Characters of what follows a prompt: more than any limit of new tokens takes.
_FOLLOWING = 4_000


@dataclass(frozen=True)
class HumanText:
    """Text by people, cut and judged as a model's is.

    Attributes:
        tokenizer: The model's, by whose tokens a continuation is cut.
        judge: The parser that judges the models too.
        language: Language code, for finding complete sentences.
    """

    tokenizer: PreTrainedTokenizerBase
    judge: Judge
    language: str

    def continuations(
        self, prompts: Sequence[tuple[str, str]], human: Sequence[str], max_new_tokens: int, window: int, tick: Tick
    ) -> list[ParseOutcome]:
        """Judge each prompt with what its author wrote after it.

        Args:
            prompts: Id and text of each.
            human: What followed each in its document, with its leading space.
            max_new_tokens: Tokens after which a continuation is cut, as a model's is.
            window: MATTR's window, in words.
            tick: Called as texts are judged; so in the others.
        """
        cut = [self._cut(prompt, text, max_new_tokens) for (_, prompt), text in zip(prompts, human, strict=True)]
        texts = [self._complete(prompt, *each) for (_, prompt), each in zip(prompts, cut, strict=True)]
        judged = [prompt + text if text else "" for (_, prompt), text in zip(prompts, texts, strict=True)]
        verdicts = judge_texts(self.judge, judged, tick)
        return [
            parse_outcome(name, text, seen, verdict, window)
            for (name, _), (text, _), seen, verdict in zip(prompts, cut, judged, verdicts, strict=True)
        ]

    def summaries(self, items: Sequence[SummaryItem], max_new_tokens: int, tick: Tick) -> list[SummaryOutcome]:
        """Judge the first reference of each document that has one."""
        known = [item for item in items if item.references]
        cut = [self._cut("", item.references[0], max_new_tokens) for item in known]
        verdicts = judge_texts(self.judge, [self._complete("", *each) for each in cut], tick)
        return [
            SummaryOutcome(item.id, text, verdict.passed, verdict.quality)
            for item, (text, _), verdict in zip(known, cut, verdicts, strict=True)
        ]

    def answers(self, items: Sequence[ReadingItem], max_new_tokens: int, tick: Tick) -> list[ReadingOutcome]:
        """Judge the first right answer to each question."""
        known = [item for item in items if item.answers]
        cut = [first_line(*self._cut("", item.answers[0], max_new_tokens)) for item in known]
        verdicts = judge_texts(self.judge, [self._complete("", *each) for each in cut], tick)
        return [
            ReadingOutcome(
                item.id, line, verdict.passed, verdict.quality, f1(line, item.answers), exact_match(line, item.answers)
            )
            for item, (line, _), verdict in zip(known, cut, verdicts, strict=True)
        ]

    def _cut(self, prompt: str, text: str, max_new_tokens: int) -> tuple[str, bool]:
        """Return as much of a text as has room in so many tokens after a prompt, and whether it is all.

        Counted with the prompt and never decoded: alone, some tokenizers would lose the leading space.
        """

        def tokens(length: int) -> int:
            return len(self.tokenizer(prompt + text[:length], add_special_tokens=False, verbose=False)["input_ids"])

        room = tokens(0) + max_new_tokens
        if tokens(len(text)) <= room:
            return text, True
        return text[: max(bisect_right(range(len(text)), room, key=tokens) - 1, 0)], False

    def _complete(self, prompt: str, text: str, whole: bool) -> str:
        return text if whole else trim_to_complete(prompt, text, self.language)


def following(prompt: str, sentence: str, documents: Sequence[str]) -> str:
    """Return what stands after a prompt in the document that it is from, with its leading space.

    Args:
        prompt: The first words of the sentence.
        sentence: The sentence.
        documents: Where to look for it; where it is in none, it ends with the sentence.
    """
    rest = sentence[len(prompt) :]
    for document in documents:
        at = document.find(sentence)
        if at >= 0:
            end = at + len(sentence)
            return rest + document[end : end + _FOLLOWING]
    return rest
