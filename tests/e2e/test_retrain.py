"""Retraining as a schedule does it: real stages, models and parsers on a few rows, in a process each."""

import time
from pathlib import Path

import pytest
import yaml
from e2e_command import SMALL, Done, Saga

from saga_core.recipe_file import load_recipe

pytestmark = pytest.mark.slow

# Enough training and prompts that the tiny model's gain shows.
MORE = ("sft.epochs=3", "corpus.train_sentences=200", "corpus.heldout_prompts=60", "corpus.sources.0.limit=120")
LOOSE = ("--significance", "0.4", "--ppl-rise", "1", "--mattr-fall", "0.5")


def write_recipe(path: Path, *settings: str) -> str:
    recipe = load_recipe("demo", (*SMALL, *MORE, *settings)).recipe.model_copy(update={"name": path.stem})
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json")), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_recipe(tmp_path_factory.mktemp("recipe") / "small.yaml")


@pytest.fixture(scope="module")
def first(saga: Saga, recipe: str, store: str) -> Done:
    done = saga("retrain", recipe, *LOOSE, "--store", store, "--json")
    assert done.code == 0, done.err
    return done


def test_the_first_adapter_is_promoted_with_its_reasons_in_the_card(saga: Saga, store: str, first: Done) -> None:
    assert first.report["verdict"] == "promoted", first.out
    assert first.states["promotion"] == "computed"
    champion = first.report["champion"]["champion"]
    card = Path(champion["card"]).read_text(encoding="utf-8")
    assert "\n## Promotion\n\nCompared with the base model, as there was no champion" in card
    assert card.index("## Promotion") < card.index("## Limits")
    assert first.report["card"] == champion["card"]
    assert (Path(champion["uri"]) / "adapter_model.safetensors").is_file()
    assert "## Promotion" in saga("card", "--store", store).out
    shown = saga("champion", "nb", "--store", store, "--json")
    assert shown.report["champions"]["nb"] == first.report["champion"]


def test_again_it_ends_in_seconds(saga: Saga, recipe: str, store: str, first: Done) -> None:
    start = time.monotonic()
    again = saga("retrain", recipe, *LOOSE, "--store", store, "--json")
    print(f"\na retraining with nothing to do: {time.monotonic() - start:.1f} s")
    assert again.report["verdict"] == "unchanged"
    assert set(again.states.values()) == {"cached"}
    # No stage began, and no server was waited for.
    assert again.err == ""


def test_on_a_grown_corpus_the_champion_is_measured_anew_and_can_be_kept(
    saga: Saga, tmp_path: Path, store: str, first: Done
) -> None:
    grown = write_recipe(tmp_path / "grown.yaml", "corpus.sources.0.limit=90", "corpus.heldout_documents=8")
    # No adapter of so few rows is better than another at this level.
    strict = ("--significance", "1e-9", "--ppl-rise", "0")
    done = saga("retrain", grown, *strict, "--store", store, "--json")
    assert done.code == 0, done.err
    assert (done.report["verdict"], done.report["champion"]["number"]) == ("kept", 1)
    assert done.states["evaluate_champion"] == "computed"
    assert "of champion 1 (small)" in " ".join(done.report["reasons"])
    assert "left out of the comparison with the champion: its training has seen them" in done.report["reasons"][-1]
    again = saga("retrain", grown, *strict, "--store", store, "--json")
    assert (again.report["verdict"], again.report["reasons"]) == ("unchanged", done.report["reasons"])
    assert again.states["evaluate_champion"] == "cached"


def test_a_return_is_in_the_history_and_repetition_does_not_undo_it(
    saga: Saga, recipe: str, store: str, first: Done
) -> None:
    alone = saga("rollback", "nb", "--store", store)
    assert alone.code == 2
    assert alone.err.startswith("saga: champion of nb: nothing to roll back to: it is the first; ")
    back = saga("rollback", "nb", "--to", "0", "--store", store, "--json")
    assert (back.code, back.report["champion"]["restores"]) == (0, 0)
    done = saga("retrain", recipe, *LOOSE, "--store", store, "--json")
    assert done.report["verdict"] == "kept"
    assert "this very adapter was champion 1, until on" in done.report["reasons"][0]
    assert saga("retrain", recipe, *LOOSE, "--store", store, "--json").report["verdict"] == "unchanged"
    assert saga("rollback", "nb", "--to", "1", "--store", store).code == 0
    shown = saga("champion", "--store", store, "--json").report
    assert [(e["number"], e["move"], e["restores"]) for e in shown["histories"]["nb"]] == [
        (1, "promoted", None),
        (2, "rolled back", 0),
        (3, "rolled back", 1),
    ]
    assert saga("gc", "--older-than", "1d", "--store", store, "--json").code == 0
    assert saga("verify", "--store", store).code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["champion"], "no champion yet; saga retrain makes one"),
        (["champion", "nb"], "no champion of nb yet; saga retrain makes one"),
        (["champion", "xx"], "unknown language 'xx'"),
        (["rollback", "nb"], "no champion of nb yet; saga retrain makes the first"),
        (["rollback", "norsk"], "unknown language 'norsk'"),
        (["retrain", "demo", "--ppl-rise", "3"], "--ppl-rise 3: input should be less than or equal to 1"),
        (["retrain", "dmo"], "no such recipe; did you mean demo?"),
    ],
)
def test_a_mistake_is_one_line(saga: Saga, tmp_path: Path, arguments: list[str], told: str) -> None:
    done = saga(*arguments, "--store", str(tmp_path))
    assert done.code == 2
    assert told in done.err
    assert done.err.count("\n") == 1
