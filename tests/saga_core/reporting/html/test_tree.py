"""A drawn parse: an arc a word, none across another's label, and what decides the verdict drawn stronger."""

from xml.etree.ElementTree import Element, fromstring

from hypothesis import given
from hypothesis import strategies as st

from saga_core.reporting.html.run_facts import Word
from saga_core.reporting.html.tree import deciding, tree

SENTENCE = (
    Word("Hun", "PRON", 2, "nsubj"),
    Word("leser", "VERB", 0, "root"),
    Word("en", "DET", 4, "det"),
    Word("bok", "NOUN", 2, "obj"),
)


def kinds(root: Element, kind: str) -> list[Element]:
    return [each for each in root.iter() if kind in (each.get("class") or "").split()]


def test_root_and_subject_are_drawn_stronger() -> None:
    root = fromstring(tree("A tree", SENTENCE))
    assert [each.text for each in kinds(root, "word")] == ["Hun", "leser", "en", "bok"]
    strong = [each.text for each in kinds(root, "relation") if "strong" in (each.get("class") or "")]
    assert sorted(filter(None, strong)) == ["nsubj", "root"]
    assert [deciding(word, SENTENCE) for word in SENTENCE] == [True, True, False, False]
    # A subject of another word decides nothing.
    inner = (*SENTENCE, Word("som", "PRON", 4, "nsubj"))
    assert not deciding(inner[-1], inner)


@st.composite
def sentences(draw: st.DrawFn) -> tuple[Word, ...]:
    n = draw(st.integers(1, 25))
    heads = [draw(st.integers(0, n)) for _ in range(n)]
    texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
    return tuple(Word(draw(texts), "X", head, draw(texts)) for head in heads)


@given(sentences())
def test_any_heads_can_be_drawn_and_no_two_relations_lie_on_each_other(words: tuple[Word, ...]) -> None:
    root = fromstring(tree("A tree", words))
    arcs = [each for each in kinds(root, "arc") if "Q" in (each.get("d") or "")]
    assert len(arcs) == sum(word.head > 0 for word in words)
    assert len(kinds(root, "arrow")) == len(words)
    bars = []
    for path in (each.get("d") or "" for each in arcs):
        left = float(path.split("H")[0].split("Q")[1].split()[0])
        right = float(path.rsplit("Q", 1)[1].split()[0])
        height = float(path.split("H")[0].split()[-1])
        bars.append((height, min(left, right), max(left, right)))
    for place, (height, left, right) in enumerate(bars):
        for other, start, end in bars[place + 1 :]:
            assert height != other or right <= start or end <= left


def test_words_and_labels_have_room() -> None:
    long = (Word("a", "X", 2, "a-very-long-relation"), Word("b" * 30, "X", 0, "root"))
    root = fromstring(tree("A tree", long))
    first, second = (float(each.get("x") or 0) for each in kinds(root, "word"))
    assert second - first > 6 * len("a-very-long-relation")
    assert float(root.get("width") or 0) > second + 15 * 7
