from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga_core.corpus.splits import Document, Splits, prepare_documents, split
from saga_core.errors import UserError
from saga_core.recipe import CorpusSettings, TextSource

SOURCES = (TextSource(path="unused"),)
WORDS = ["Hun", "leser", "boken", "mens", "han", "lager", "mat", "ute", "ofte", "gjerne", "huset", "fjorden"]


def wanted(**sizes: int) -> CorpusSettings:
    return CorpusSettings(sources=SOURCES, **sizes)


def cut(texts: Iterable[str], settings: CorpusSettings, seed: int = 0) -> Splits:
    documents = prepare_documents(texts, "nb", settings, lambda done=1: None)
    return split(documents, settings, seed, len(documents))


def some_documents(count: int, sentences: int = 5) -> list[Document]:
    return [
        Document(f"{i:04}", f"text {i}", tuple(f"Ord {i} nummer {j} er med her." for j in range(sentences)))
        for i in range(count)
    ]


sentence = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(lambda w: " ".join(w).capitalize() + ".")
document = st.lists(sentence, min_size=1, max_size=6).map(" ".join)


@given(st.lists(document, min_size=12, max_size=40), st.integers(0, 5), st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_the_parts_never_overlap(texts: list[str], seed: int, prompts: int, train: int) -> None:
    sizes = wanted(prompts=prompts, train_sentences=train, heldout_prompts=5, heldout_documents=5)
    try:
        parts = cut(texts, sizes, seed)
    except UserError:
        return
    train_sentences = {s.casefold() for d in parts.train for s in d.sentences}
    heldout_sentences = {s.casefold() for d in parts.heldout for s in d.sentences}
    prompting = {p.sentence.casefold() for p in parts.prompts}
    measuring = {p.sentence.casefold() for p in parts.heldout_prompts}
    assert not train_sentences & (heldout_sentences | prompting | measuring)
    assert not prompting & (heldout_sentences | measuring)
    assert not {d.id for d in parts.train} & {d.id for d in parts.heldout}
    assert not {p.prompt.casefold() for p in parts.prompts} & {p.prompt.casefold() for p in parts.heldout_prompts}
    for prompt in (*parts.prompts, *parts.heldout_prompts):
        assert prompt.sentence.startswith(prompt.prompt)
        assert prompt.prompt != prompt.sentence


def test_the_same_seed_cuts_alike_whatever_the_order_of_documents() -> None:
    documents = some_documents(40)
    sizes = wanted(prompts=30, train_sentences=60, heldout_prompts=10, heldout_documents=2)
    assert split(documents, sizes, 1, 40) == split(documents[::-1], sizes, 1, 40)
    assert split(documents, sizes, 1, 40) != split(documents, sizes, 2, 40)


def test_a_small_corpus_keeps_three_quarters_to_learn_from() -> None:
    parts = split(some_documents(40), wanted(), 0, 40)
    assert len(parts.heldout) == 10
    assert len(parts.train) > len(parts.prompts) / 5


def test_an_empty_corpus_says_how_many_documents_there_were() -> None:
    with pytest.raises(UserError, match=r"corpus\.sources: the corpus is empty: no usable sentence in 7 documents"):
        split([], wanted(), 0, 7)


def test_a_corpus_that_cannot_be_cut_in_three_is_refused() -> None:
    with pytest.raises(UserError, match="too small"):
        split(some_documents(2), wanted(), 0, 2)


def test_repeated_documents_and_sentences_are_kept_once() -> None:
    texts = [
        "Dette er en helt vanlig setning.",
        "Dette er en helt vanlig setning.",
        "Dette ER en helt vanlig setning. ",
    ]
    documents = prepare_documents(texts, "nb", wanted(), lambda done=1: None)
    assert [d.sentences for d in documents] == [("Dette er en helt vanlig setning.",)]
