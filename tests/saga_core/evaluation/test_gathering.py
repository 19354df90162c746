"""Nothing that the training has seen is measured on, and what is left is drawn by seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from saga_core.corpus.splits import Prompt
from saga_core.corpus.treebank import TreebankSentence
from saga_core.errors import StageError, UserError
from saga_core.evaluation.acceptability import AcceptabilityItem
from saga_core.evaluation.gathering import Found, Gathered, check, gather, told_apart
from saga_core.evaluation.human import following
from saga_core.evaluation.inputs import read_items, write_items
from saga_core.evaluation.leakage import SeenText
from saga_core.evaluation.reading import ReadingItem
from saga_core.evaluation.summaries import SummaryItem
from saga_core.judges.verdict import Token
from saga_core.recipe import (
    AcceptabilitySettings,
    EvaluationSettings,
    ReadingSettings,
    ScalaSettings,
    SummarySettings,
    TaskSource,
)

_SOURCE = TaskSource(path="none")
_SETTINGS = EvaluationSettings(
    scala=ScalaSettings(treebank="none", sentences=10),
    summaries=SummarySettings(source=_SOURCE, items=2),
    reading=ReadingSettings(source=_SOURCE, items=2),
    acceptability=AcceptabilitySettings(source=_SOURCE, sentences=4),
)
_UPOS = ("PRON", "VERB", "DET", "ADJ", "NOUN", "ADV", "PUNCT")


def _tree(noun: str) -> TreebankSentence:
    forms = ("Hun", "leser", "en", "lang", noun, "hjemme", ".")
    words = tuple(
        Token(form, upos, {}, 0 if i == 1 else 2, "dep")
        for i, (form, upos) in enumerate(zip(forms, _UPOS, strict=True))
    )
    return TreebankSentence(" ".join(forms), forms, _UPOS, words)


_NOUNS = ("roman", "avisartikkel", "diktsamling", "brevveksling", "grammatikk", "oppskrift")
_TEXTS = [f"Her begynner historien om {noun}. Den er skrevet av en som kunne sitt fag." for noun in _NOUNS]
_FOUND = Found(
    prompts=[Prompt(str(i), "Her begynner historien", text.split(". ")[0] + ".") for i, text in enumerate(_TEXTS)],
    documents=[f"{text}\nEn linje til om {noun} står her nederst." for text, noun in zip(_TEXTS, _NOUNS, strict=True)],
    treebank=[_tree(noun) for noun in _NOUNS],
    summaries=[SummaryItem("a", f"Saken om {noun} vakte stor oppsikt i byen.", ("Kort.",)) for noun in _NOUNS[:4]],
    reading=[ReadingItem("r", f"Vi spurte dem om {noun} på torget i går.", "Hva?", ("svar",)) for noun in _NOUNS[:4]],
    acceptability=[
        AcceptabilityItem(f"Folk liker {noun} bedre enn alt annet.", i % 2 == 0) for i, noun in enumerate(_NOUNS)
    ],
)


def _gather(seen: list[str], found: Found = _FOUND, seed: int = 3) -> Gathered:
    return gather(found, SeenText(seen), _SETTINGS, "nb", seed)


def test_with_nothing_seen_everything_that_is_wanted_is_drawn() -> None:
    gathered = _gather(["Noe helt annet står i denne teksten, og det er nok."])
    items = gathered.items
    counts = [
        len(items.prompts),
        len(items.heldout_documents),
        len(items.scala),
        len(items.summaries),
        len(items.reading),
    ]
    assert counts == [6, 6, 6, 2, 2]
    assert len(items.acceptability) == 4
    assert {item.right for item in items.acceptability} == {True, False}
    assert gathered.leaks == ()
    assert set(gathered.left_out.values()) == {0}
    assert gathered == _gather(["Noe helt annet står i denne teksten, og det er nok."])
    assert _gather(["Noe annet."], seed=4).items.scala != items.scala


@pytest.mark.parametrize(
    ("seen", "task"),
    [
        ("HER BEGYNNER historien om roman", "prompts"),
        ("En linje til om roman står her helt nederst.", "documents"),
        ("Hun leser en lang roman hjemme!", "scala"),
        ("Saken om roman vakte stor oppsikt i hele byen.", "summaries"),
        ("Vi spurte dem om roman på torget igår.", "reading"),
        ("Folk liker roman bedre enn alt annet", "acceptability"),
    ],
)
def test_a_near_duplicate_in_the_training_leaves_the_item_out(seen: str, task: str) -> None:
    gathered = _gather([seen])
    assert gathered.left_out[task] >= 1
    assert any("roman" in leak.sentence for leak in gathered.leaks)
    items = gathered.items
    measured_on = {
        "prompts": [prompt + text.split(".")[0] for (_, prompt), text in zip(items.prompts, items.human, strict=True)],
        "documents": [line for text in items.heldout_documents for line in text.split("\n")],
        "scala": [pair.good for pair in items.scala],
        "summaries": [item.document for item in items.summaries],
        "reading": [item.context for item in items.reading],
        "acceptability": [item.text for item in items.acceptability],
    }
    assert measured_on[task]
    assert SeenText([seen]).leaks(measured_on[task]) == {}
    check(items, SeenText([seen]), "nb")


@pytest.mark.parametrize("task", ["prompts", "documents", "scala", "summaries", "reading", "acceptability"])
def test_what_slipped_through_fails_the_check(task: str) -> None:
    items = _gather(["Noe annet."]).items
    leaked = {
        "prompts": items.prompts[0][1] + items.human[0].split(".")[0] + ".",
        "documents": items.heldout_documents[0].split("\n")[1],
        "scala": items.scala[0].good,
        "summaries": items.summaries[0].document,
        "reading": items.reading[0].context,
        "acceptability": items.acceptability[0].text,
    }[task]
    check(items, SeenText(["Noe annet."]), "nb")
    with pytest.raises(StageError, match=r"leakage: the training text holds \d+ sentences? of"):
        check(items, SeenText([leaked.upper()]), "nb")


@pytest.mark.parametrize(
    ("seen", "task"),
    [
        ("HER BEGYNNER historien om roman", "the held-out prompts"),
        ("En linje til om roman står her helt nederst.", "the held-out documents"),
        ("Hun leser en lang roman hjemme!", "ScaLA"),
        ("Saken om roman vakte stor oppsikt i hele byen.", "the summaries' documents"),
        ("Vi spurte dem om roman på torget igår.", "the questions' texts"),
        ("Folk liker roman bedre enn alt annet", "the labelled sentences"),
    ],
)
def test_one_leak_fails_a_run_that_wants_none(seen: str, task: str) -> None:
    strict = _SETTINGS.model_copy(update={"on_leak": "fail"})
    gather(_FOUND, SeenText(["Noe helt annet står i denne teksten."]), strict, "nb", 3)
    with pytest.raises(StageError, match=rf"evaluation.on_leak: the training text holds \d+ sentences? of {task}: "):
        gather(_FOUND, SeenText([seen]), strict, "nb", 3)


def test_a_task_of_which_everything_was_seen_is_refused() -> None:
    with pytest.raises(
        UserError, match="evaluation, summaries: the training text holds a sentence of every one of the 4"
    ):
        _gather([item.document for item in _FOUND.summaries])
    lines = [sentence for text in _FOUND.documents for sentence in text.replace(". ", ".\n").split("\n")]
    with pytest.raises(UserError, match="every line of the 6 held-out documents"):
        _gather(lines, replace(_FOUND, prompts=()))


def test_a_corpus_that_repeats_itself_is_refused() -> None:
    seen = [prompt.sentence for prompt in _FOUND.prompts]
    assert len(_gather(seen[:3]).items.prompts) == 3
    with pytest.raises(UserError, match=r"holds a sentence of 4 of 6 held-out prompts.*the corpus repeats itself"):
        _gather(seen[:4])


def test_labels_of_one_kind_are_refused() -> None:
    with pytest.raises(UserError, match="all of one label"):
        _gather(
            ["Noe annet."],
            replace(_FOUND, acceptability=[AcceptabilityItem(f"Setning {n} her.", True) for n in range(9)]),
        )


def test_items_are_read_again_as_they_were(tmp_path: Path) -> None:
    items = _gather(["Noe annet."]).items
    write_items(tmp_path, items)
    again = read_items(tmp_path)
    for name in ("prompts", "heldout_documents", "scala", "summaries", "reading", "acceptability", "human"):
        assert list(getattr(again, name)) == list(getattr(items, name)), name


def test_repeated_ids_are_told_apart() -> None:
    assert [item.id for item in told_apart(_FOUND.reading)] == ["r", "r#2", "r#3", "r#4"]


def test_human_text_is_what_followed_the_prompt() -> None:
    document = _FOUND.documents[0]
    prompt = _FOUND.prompts[0]
    assert prompt.prompt + following(prompt.prompt, prompt.sentence, _FOUND.documents) == document
    assert following("Et ord", "Et ord til.", _FOUND.documents) == " til."
