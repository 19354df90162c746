"""Cutting a corpus into train, prompts and held-out: by document, with no sentence or prompt in two of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from saga_core.artifacts.fingerprint import digest
from saga_core.corpus.sentences import clean, good_sentences
from saga_core.errors import UserError
from saga_core.progress import Tick
from saga_core.recipe import CorpusSettings

# A small corpus gives at most this share of its documents to measurement; the rest is to learn from.
_HELDOUT_SHARE = 0.25


@dataclass(frozen=True)
class Document:
    """A cleaned document and its good sentences."""

    id: str
    text: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Prompt:
    """The first words of a real sentence, which the model is to continue."""

    id: str
    prompt: str
    sentence: str


@dataclass(frozen=True)
class Splits:
    """The corpus, cut; no document or line is in two parts, and no prompt is both for training and held out."""

    train: tuple[Document, ...]
    prompts: tuple[Prompt, ...]
    heldout: tuple[Document, ...]
    heldout_prompts: tuple[Prompt, ...]
    documents_read: int


def prepare_documents(texts: Iterable[str], language: str, settings: CorpusSettings, tick: Tick) -> list[Document]:
    """Clean documents, cut them into sentences, and drop what was seen before.

    Args:
        texts: Raw documents.
        language: Language code.
        settings: Which sentences are kept.
        tick: Called once a document.

    Returns:
        The documents that have a good sentence; a sentence that stands in several is kept in the first.
    """
    documents, seen_documents, seen = [], set(), set()
    for text in texts:
        tick()
        cleaned = clean(text)
        identity = digest(cleaned)[:16]
        if identity in seen_documents:
            continue
        seen_documents.add(identity)
        kept = []
        for sentence in good_sentences(cleaned, language, settings.min_words, settings.max_words):
            folded = sentence.casefold()
            if folded not in seen:
                seen.add(folded)
                kept.append(sentence)
        if kept:
            documents.append(Document(identity, cleaned, tuple(kept)))
    return documents


def split(documents: Sequence[Document], settings: CorpusSettings, seed: int, documents_read: int) -> Splits:
    """Cut documents into held-out, prompts and train, in this order of precedence.

    Held-out gets documents until it has the prompts and documents asked for, at most a quarter of them; what is left
    is shared between prompts and train, in proportion to what they ask for when there is too little for both.

    Args:
        documents: Prepared documents, each with at least one sentence.
        settings: How much of each is wanted.
        seed: Seed of the order of documents and of the choice of held-out prompts.
        documents_read: How many documents the sources held.

    Raises:
        UserError: The corpus is empty or too small to be cut in three.
    """
    if not documents:
        what = f"the corpus is empty: no usable sentence in {documents_read} documents"
        raise UserError(what, "corpus.sources", "give more text, or loosen corpus.min_words and corpus.max_words")
    order = random.Random(f"{seed}/documents")
    # Sorted first, so that the order in which sources are read does not matter.
    shuffled = sorted(documents, key=lambda d: d.id)
    order.shuffle(shuffled)
    most_heldout = max(1, int(len(shuffled) * _HELDOUT_SHARE))
    heldout = _take(shuffled[:most_heldout], settings.heldout_prompts, settings.heldout_documents)
    rest = shuffled[len(heldout) :]
    available = sum(len(d.sentences) for d in rest)
    wanted = settings.prompts + settings.train_sentences
    for_prompts = settings.prompts if available >= wanted else round(available * settings.prompts / wanted)
    prompting = _take(rest, for_prompts, 1)
    train = _take(rest[len(prompting) :], settings.train_sentences, 1)
    if not train or not prompting:
        what = f"the corpus is too small: {len(documents)} usable documents cannot be cut in three"
        raise UserError(what, "corpus.sources", "give more documents")
    heldout_prompts = _prompts(heldout, settings.prompt_words, settings.heldout_prompts, seed, set())
    taken = {prompt.prompt.casefold() for prompt in heldout_prompts}
    prompts = _prompts(prompting, settings.prompt_words, settings.prompts, seed, taken)
    if not prompts or not heldout_prompts:
        what = f"no sentence has the {settings.prompt_words} words of a prompt, one more, and a prompt of its own"
        raise UserError(what, "corpus.prompt_words", "change it, or give more varied text")
    measured = _without_lines_of(heldout, (*train, *prompting))[: settings.heldout_documents]
    return Splits(tuple(train), prompts, measured, heldout_prompts, documents_read)


def _take(documents: Sequence[Document], sentences: int, least_documents: int) -> list[Document]:
    """Take documents from the front until there are enough sentences and enough documents."""
    taken: list[Document] = []
    count = 0
    for document in documents:
        if count >= sentences and len(taken) >= least_documents:
            break
        taken.append(document)
        count += len(document.sentences)
    return taken


def _without_lines_of(documents: Iterable[Document], others: Iterable[Document]) -> tuple[Document, ...]:
    """Leave out lines that other documents have too, such as the boilerplate of an encyclopaedia."""
    seen = {line.casefold() for other in others for line in other.text.split("\n")}
    left = []
    for document in documents:
        lines = [line for line in document.text.split("\n") if line.casefold() not in seen]
        if lines:
            left.append(replace(document, text="\n".join(lines)))
    return tuple(left)


def _prompts(documents: Iterable[Document], words: int, wanted: int, seed: int, taken: set[str]) -> tuple[Prompt, ...]:
    found: dict[str, Prompt] = {}
    for document in documents:
        for sentence in document.sentences:
            parts = sentence.split()
            prompt = " ".join(parts[:words])
            # A prompt that ends in punctuation leaves nothing to parse; one seen elsewhere would leak.
            if len(parts) > words and prompt[-1].isalnum() and prompt.casefold() not in taken:
                found.setdefault(prompt.casefold(), Prompt(digest(sentence)[:16], prompt, sentence))
    prompts = list(found.values())
    random.Random(f"{seed}/prompts").shuffle(prompts)
    return tuple(prompts[:wanted])
