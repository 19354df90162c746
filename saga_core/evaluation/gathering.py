"""Choosing what models are measured on: what the training has seen, or nearly, is left out before anything is drawn."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from saga_core.corpus.sentences import clean, split_sentences
from saga_core.corpus.splits import Prompt
from saga_core.corpus.treebank import TreebankSentence
from saga_core.errors import UserError
from saga_core.evaluation.acceptability import AcceptabilityItem
from saga_core.evaluation.human import following
from saga_core.evaluation.inputs import EvaluationInput
from saga_core.evaluation.leakage import Leak, SeenText, require_none
from saga_core.evaluation.reading import ReadingItem
from saga_core.evaluation.scala import build_pairs
from saga_core.evaluation.summaries import SummaryItem
from saga_core.recipe import EvaluationSettings

Item = TypeVar("Item")
Named = TypeVar("Named", SummaryItem, ReadingItem)


# What the corpus itself was cut into: if much of that was seen, the corpus is at fault.
_OF_THE_CORPUS = ("prompts",)


@dataclass(frozen=True)
class Found:
    """All that could be measured on.

    Attributes:
        prompts: Held-out prompts with their sentences.
        documents: Held-out documents.
        treebank: Sentences for ScaLA.
        summaries: Documents with summaries; none where the recipe measures none, as in the next two.
        reading: Questions.
        acceptability: Labelled sentences.
    """

    prompts: Sequence[Prompt]
    documents: Sequence[str]
    treebank: Sequence[TreebankSentence]
    summaries: Sequence[SummaryItem] = ()
    reading: Sequence[ReadingItem] = ()
    acceptability: Sequence[AcceptabilityItem] = ()


@dataclass(frozen=True)
class Gathered:
    """What is measured on, and what is not.

    Attributes:
        items: What is measured on.
        left_out: By task, how many items (of documents: lines) the training has seen a sentence of.
        leaks: The sentences that it has seen, or nearly.
    """

    items: EvaluationInput
    left_out: dict[str, int]
    leaks: tuple[Leak, ...]


def gather(found: Found, seen: SeenText, settings: EvaluationSettings, language: str, seed: int) -> Gathered:
    """Leave out what the training has seen, and draw the items that the recipe wants from the rest.

    A prompt goes with its sentence, a held-out document loses the lines that have a seen sentence, a document to
    summarise or to ask about goes with any of its sentences. Where the settings say so, the first leak fails instead.

    Args:
        found: All that there is.
        seen: The text of the training.
        settings: How many items are wanted.
        language: Language code.
        seed: Seed of choice and of ScaLA's corruptions.

    Raises:
        StageError: The training has seen a sentence, and the settings want the run to fail for it.
        UserError: Nothing is left to measure a task with.
    """
    lines = [document.split("\n") for document in found.documents]
    cut = _Cut(language)
    by_task = {
        "the held-out prompts": [prompt.sentence for prompt in found.prompts],
        "the held-out documents": [s for document in lines for line in document for s in cut(line)],
        "ScaLA": [sentence.text for sentence in found.treebank],
        "the summaries' documents": [s for summary in found.summaries for s in cut(summary.document)],
        "the questions' texts": [s for question in found.reading for s in cut(question.context)],
        "the labelled sentences": [item.text for item in found.acceptability],
    }
    leaks = seen.leaks(sentence for sentences in by_task.values() for sentence in sentences)
    if settings.on_leak == "fail":
        _require_none(by_task, leaks, "evaluation.on_leak")
    left_out: Counter[str] = Counter()

    def unseen(task: str, items: Sequence[Item], sentences: Callable[[Item], Sequence[str]]) -> list[Item]:
        kept = [item for item in items if not any(sentence in leaks for sentence in sentences(item))]
        left_out[task] += len(items) - len(kept)
        if items and not kept and task != "documents":
            what = f"the training text holds a sentence of every one of the {len(items)} items"
            raise UserError(what, f"evaluation, {task}", "give items that are not part of the corpus")
        if task in _OF_THE_CORPUS and 2 * len(kept) < len(items):
            what = f"the training text holds a sentence of {len(items) - len(kept)} of {len(items)} held-out {task}"
            raise UserError(what, "corpus.sources", "the corpus repeats itself: give more varied text")
        return kept

    prompts = unseen("prompts", found.prompts, lambda prompt: [prompt.sentence])
    kept = ["\n".join(unseen("documents", document, cut)) for document in lines]
    documents = [document for document in kept if document]
    if not documents:
        what = f"the training text holds a sentence of every line of the {len(lines)} held-out documents"
        raise UserError(what, "corpus.sources", "give more varied text")
    treebank = unseen("scala", found.treebank, lambda sentence: [sentence.text])
    summaries = told_apart(unseen("summaries", found.summaries, lambda item: cut(item.document)))
    questions = told_apart(unseen("reading", found.reading, lambda item: cut(item.context)))
    labelled = unseen("acceptability", found.acceptability, lambda item: [item.text])
    items = EvaluationInput(
        prompts=[(prompt.id, prompt.prompt) for prompt in prompts],
        heldout_documents=documents,
        scala=build_pairs(treebank, settings.scala.sentences, seed),
        summaries=_drawn(summaries, settings.summaries.items if settings.summaries else 0, seed, "summaries"),
        reading=_drawn(questions, settings.reading.items if settings.reading else 0, seed, "reading"),
        acceptability=_both_kinds(labelled, settings.acceptability.sentences if settings.acceptability else 0, seed),
        human=[following(prompt.prompt, prompt.sentence, documents) for prompt in prompts],
    )
    return Gathered(items, dict(left_out), tuple(leaks.values()))


def check(items: EvaluationInput, seen: SeenText, language: str) -> None:
    """Refuse items that the training has seen, or nearly: looked at anew, as they are stored.

    Args:
        items: What is measured on.
        seen: The text of the training.
        language: Language code.

    Raises:
        StageError: One of them is in the training text.
    """
    cut = _Cut(language)
    human = (prompt + text.split("\n", 1)[0] for (_, prompt), text in zip(items.prompts, items.human, strict=True))
    by_task = {
        "the held-out prompts": [cut(text)[0] for text in human],
        "the held-out documents": [s for text in items.heldout_documents for s in cut(text)],
        "ScaLA": [pair.good for pair in items.scala],
        "the summaries' documents": [s for item in items.summaries for s in cut(item.document)],
        "the questions' texts": [s for item in items.reading for s in cut(item.context)],
        "the labelled sentences": [item.text for item in items.acceptability],
    }
    leaks = seen.leaks(sentence for sentences in by_task.values() for sentence in sentences)
    _require_none(by_task, leaks, "leakage")


def _require_none(by_task: Mapping[str, Sequence[str]], leaks: Mapping[str, Leak], where: str) -> None:
    for task, sentences in by_task.items():
        require_none((leaks[s] for s in dict.fromkeys(sentences) if s in leaks), task, where)


def told_apart(items: Sequence[Named]) -> list[Named]:
    """Number items whose id occurred before, ``621#2``: published data sets, NorQuAD among them, repeat ids."""
    seen: Counter[str] = Counter()
    distinct = []
    for item in items:
        seen[item.id] += 1
        distinct.append(item if seen[item.id] == 1 else replace(item, id=f"{item.id}#{seen[item.id]}"))
    return distinct


class _Cut:
    """Cuts a text into sentences, each text once."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._known: dict[str, list[str]] = {}

    def __call__(self, text: str) -> list[str]:
        if text not in self._known:
            self._known[text] = split_sentences(clean(text), self._language)
        return self._known[text]


def _drawn(items: Sequence[Item], wanted: int, seed: int, name: str) -> list[Item]:
    shuffled = list(items)
    random.Random(f"{seed}/{name}").shuffle(shuffled)
    return shuffled[:wanted]


def _both_kinds(items: Sequence[AcceptabilityItem], wanted: int, seed: int) -> list[AcceptabilityItem]:
    drawn = _drawn(list(dict.fromkeys(items)), wanted, seed, "acceptability")
    if drawn and len({item.right for item in drawn}) < 2:
        what = f"the {len(drawn)} sentences that were drawn are all of one label"
        raise UserError(what, "evaluation.acceptability", "give sentences of both labels, or raise sentences")
    return drawn
