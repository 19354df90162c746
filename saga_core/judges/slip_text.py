"""From a file of text to what the model of slips is trained on: tokens, and how the parser tags them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import spacy

from saga_core.corpus.sentences import clean, good_sentences
from saga_core.corpus.sources import read_documents
from saga_core.corpus.treebank import TreebankSentence
from saga_core.judges.protocol import UDParser
from saga_core.judges.slip_training import Tagging, lexicon_of, train_slips
from saga_core.judges.slips import SlipModel
from saga_core.judges.trained_pipeline import spacy_language
from saga_core.outside import Outside
from saga_core.progress import progress
from saga_core.recipe import TextSource

# Some minutes of one core.
MOST_SENTENCES = 400_000
# Enough for the class of nearly every word that is met again.
_TAGGED = 60_000
_LEAST_WORDS, _MOST_WORDS = 4, 60
_TOGETHER = 500


def slips_from_text(
    path: Path, parser: UDParser, treebank: Sequence[TreebankSentence], language: str, seed: int
) -> tuple[SlipModel, int]:
    """Train the model of slips on the whole sentences of a file.

    Args:
        path: JSON Lines with ``text``, or plain text.
        parser: Tags the first 60,000 sentences.
        treebank: For the forms of words; may be empty.
        language: Code of the language.
        seed: Of the training.

    Returns:
        The model, and the number of sentences that it was trained on.

    Raises:
        UserError: The file cannot be read, or has too few sentences.
    """
    with progress("reading text", None, "sentences") as tick:
        texts = []
        for text in islice(_sentences(path, language), MOST_SENTENCES):
            texts.append(text)
            tick()
    tokenizer = spacy.blank(spacy_language(language)).tokenizer
    with progress("cutting into tokens", len(texts), "sentences") as tick:
        tokens = []
        for text in texts:
            tokens.append([token.text for token in tokenizer(text)])
            tick()
    words = Counter(token.lower() for sentence in tokens for token in sentence)
    lexicon = lexicon_of([*_tagged(parser, texts[:_TAGGED]), *map(_gold, treebank)], words)
    with progress("learning what is no sentence", len(tokens), "sentences") as tick:
        model = train_slips(tokens, lexicon, treebank, language, seed, tick)
    return model, len(tokens)


def _sentences(path: Path, language: str) -> Iterator[str]:
    for document in read_documents(TextSource(path=str(path)), Outside({}, str(path)), 0):
        yield from good_sentences(clean(document), language, _LEAST_WORDS, _MOST_WORDS)


def _tagged(parser: UDParser, texts: Sequence[str]) -> Iterator[list[Tagging]]:
    with progress("tagging", len(texts), "sentences") as tick:
        for start in range(0, len(texts), _TOGETHER):
            part = texts[start : start + _TOGETHER]
            for sentences in parser.parse(part):
                for sentence in sentences:
                    yield [(token.form, token.upos, _feats(token.feats)) for token in sentence.tokens]
            tick(len(part))


def _gold(sentence: TreebankSentence) -> list[Tagging]:
    return [(word.form, word.upos, _feats(word.feats)) for word in sentence.words]


def _feats(feats: Mapping[str, str]) -> str:
    return "|".join(f"{name}={value}" for name, value in sorted(feats.items()))
