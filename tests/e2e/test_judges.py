"""A judge is trained from a treebank by the command, kept, used, and checked."""

from pathlib import Path

import pytest
from e2e_command import Saga

from saga_core.demo import DEMO

pytestmark = pytest.mark.slow

TREEBANK = DEMO / "text" / "articles.conllu"


@pytest.fixture(scope="module")
def treebank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the demo's treebank for training, and another for checking."""
    blocks = TREEBANK.read_text(encoding="utf-8").split("\n\n")
    folder = tmp_path_factory.mktemp("treebank")
    (folder / "nb_x-ud-train.conllu").write_text("\n\n".join(blocks[:300]) + "\n\n", encoding="utf-8")
    (folder / "nb_x-ud-dev.conllu").write_text("\n\n".join(blocks[300:360]) + "\n\n", encoding="utf-8")
    (folder / "heldout.conllu").write_text("\n\n".join(blocks[360:500]) + "\n\n", encoding="utf-8")
    return folder


def test_a_judge_is_trained_once_and_checked(saga: Saga, treebank: Path, tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "store"))
    training = ("judge", "train", "--language", "nb", "--treebank", str(treebank), "--steps", "120", *store, "--json")
    first, second = saga(*training), saga(*training)
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert (first.report["cached"], second.report["cached"]) == (False, True)
    assert first.report["key"] == second.report["key"]
    assert (first.report["train_sentences"], first.report["dev_sentences"]) == (270, 60)
    assert 0.1 < first.report["las"] < first.report["uas"] < 1
    assert "LAS" in first.out
    assert 0.5 < first.report["slips"] < 1
    name = f"treebank:{treebank}"
    checking = ("judge", "check", "--judge", name, "--language", "nb", "--treebank", str(treebank / "heldout.conllu"))
    # The judge of the default number of steps would be another one, to be trained first.
    checked = saga(*checking, "--steps", "120", "--sentences", "40", *store, "--json")
    assert checked.code == 0, checked.err
    found = {(each["group"], each["name"]): each for each in checked.report["findings"]}
    # The demo's treebank has no lemmas, and so no agreement errors.
    assert {"ScaLA", "ceiling", "floor", "length"} == {group for group, _ in found}
    assert all(each["low"] <= each["value"] <= each["high"] for each in found.values())
    assert (found["ScaLA", "all"]["n"], found["ceiling", "real text"]["n"]) == (40, 40)
    # From the treebank alone it has learned what is no sentence.
    lenient = saga(*checking, "--steps", "120", "--sentences", "40", "--pass-rule", "saga", *store, "--json")
    shuffled = next(each for each in lenient.report["findings"] if each["name"] == "shuffled")
    assert found["floor", "shuffled"]["value"] < shuffled["value"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("judge", "check"), "give a recipe or --judge"),
        (("judge", "check", "demo", "--judge", "greynir"), "give a recipe or --judge"),
        (("judge", "check", "--judge", "spacy:x"), "--judge needs --language and --treebank"),
        (("judge", "check", "--judge", "spicy:x", "--language", "nb", "--treebank", "x"), "judge.kind"),
        (("judge", "check", "demo", "--labelled", "none.csv"), "none.csv"),
        (("judge", "check", "demo", "--real", "none.txt"), "none.txt"),
        (("judge", "check", "demo", "--text", "none.txt"), "--text is for --judge"),
        (("judge", "check", "demo", "--pass-rule", "saga"), "--pass-rule is for --judge"),
        (("judge", "train", "--language", "nb", "--treebank", "none.conllu"), "none.conllu"),
    ],
)
def test_a_mistake_is_one_line(saga: Saga, arguments: tuple[str, ...], said: str) -> None:
    done = saga(*arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_malformed_conllu_is_refused_with_its_line(saga: Saga, treebank: Path, tmp_path: Path) -> None:
    lines = (treebank / "nb_x-ud-train.conllu").read_text(encoding="utf-8").splitlines()
    number = next(i for i, line in enumerate(lines) if line.startswith("2\t") and i > 100)
    lines[number] = lines[number].replace("\t", " ")
    path = tmp_path / "wrong.conllu"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = saga("judge", "train", "--language", "nb", "--treebank", str(path), "--store", str(tmp_path / "store"))
    assert done.code == 2
    assert f"{path}:{number + 1}" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_recipe_names_a_treebank_in_place_of_a_parser(saga: Saga, small: list[str], tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "store"))
    judge = ("--set", "judge={kind: treebank, model: 'demo:text/articles.conllu', steps: 120}")
    done = saga("run", "demo", *small, *judge, "--until", "probe", *store, "--json")
    assert done.code == 0, done.err
    stages = ("data", "judge", "judge_check", "items", "probe")
    assert done.states == dict.fromkeys(stages, "computed")
    again = saga("run", "demo", *small, *judge, "--set", "probe.temperature=0.9", "--until", "probe", *store, "--json")
    assert again.states == dict.fromkeys(stages, "cached") | {"probe": "computed"}
    shown = saga("show", f"judge/{done.report['stages'][1]['key'][:12]}", *store)
    assert shown.code == 0
    assert "weights.safetensors" in shown.out


def test_a_parser_and_text_judge_by_the_rule_grammar(saga: Saga, small: list[str], tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "store"))
    ruled = ("--set", "judge.text=demo:text/articles.jsonl", "--set", "scoring.pass_rule=grammar")
    done = saga("run", "demo", *small, *ruled, "--until", "probe", *store, "--json")
    assert done.code == 0, done.err
    assert done.states["judge"] == "computed"
    checked = saga("judge", "check", "demo", *ruled, "--sentences", "50", *store, "--json")
    assert checked.code == 0, checked.err
    plain = saga("judge", "check", "demo", "--sentences", "50", *store, "--json")
    ps = [
        next(each["value"] for each in each_done.report["findings"] if each["name"] == "shuffled")
        for each_done in (checked, plain)
    ]
    assert ps[0] < ps[1]


def test_the_rule_grammar_needs_a_judge_that_has_learned(saga: Saga, treebank: Path) -> None:
    rule = ("--set", "scoring.pass_rule=grammar")
    done = saga("plan", "demo", *rule)
    assert done.code == 2
    assert "scoring.pass_rule grammar needs judge.text, or a judge of kind treebank" in done.err
    assert saga("plan", "demo", *rule, "--set", "judge={kind: treebank, model: 'demo:text/articles.conllu'}").code == 0
    assert saga("plan", "demo", "--set", "judge.text=demo:text/articles.jsonl").code == 2
    heldout = ("--language", "nb", "--treebank", str(treebank / "heldout.conllu"))
    done = saga("judge", "check", "--judge", "spacy:any", *heldout, "--pass-rule", "grammar")
    assert done.code == 2
    assert "the rule grammar needs a judge that has learned" in done.err
