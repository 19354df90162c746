"""The whole pipeline on a few rows, then what every user does next."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from e2e_command import Done, Saga
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from saga_core.evaluation.suite import METRICS

STAGES = [
    "data",
    "judge_check",
    "items",
    "probe",
    "gate",
    "sft",
    "candidates",
    "scores",
    "pairs",
    "dpo",
    "evaluate_human",
    "evaluate_base",
    "evaluate",
    "panel",
    "publish",
]
SOON = 3.0


def soon(command: Callable[[], Done]) -> Done:
    """Run a command until it takes less than three seconds; the neighbours of a test may slow one try, not four."""
    for _ in range(4):
        start = time.monotonic()
        done = command()
        if time.monotonic() - start < SOON:
            return done
    pytest.fail("never under three seconds")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def first(saga: Saga, small: list[str], store: str) -> Done:
    return saga("run", "demo", *small, "--store", store, "--json")


def test_one_command_goes_from_text_to_a_published_adapter(first: Done) -> None:
    assert first.code == 0, first.err
    assert list(first.states) == STAGES
    assert set(first.states.values()) == {"computed"}
    report = first.report
    assert set(report) >= {"run", "recipe", "store", "stages", "metrics", "adapter", "card"}
    for model in ("base", "final"):
        assert tuple(report["metrics"][model]) == tuple(name for name in METRICS if name != "acceptability_auroc")
    # The smallest training still changes the model.
    assert report["metrics"]["final"]["ppl"] != report["metrics"]["base"]["ppl"]
    for model in ("base", "final"):
        for name, estimate in report["metrics"][model].items():
            assert set(estimate) == {"value", "low", "high", "n"}
            assert estimate["low"] <= estimate["value"] <= estimate["high"], name
    assert (Path(report["adapter"]) / "adapter_model.safetensors").is_file()
    assert Path(report["card"]).read_text(encoding="utf-8").startswith("---\nlanguage: nb\n")


def test_the_table_and_the_plain_progress_are_readable(first: Done) -> None:
    for row in ("Stanza PS", "Parse score", "PPL-articles", "ScaLA AUROC", "Summ PS", "Summ score", "RC APS", "MATTR"):
        assert row in first.out
    assert re.search(r"candidates: \d+/\d+ rows, [\d.]+ rows/s, \d+ s left", first.err)
    assert re.search(r"DPO: \d+/\d+ steps, [\d.]+ steps/s, \d+ s left", first.err)
    assert "\r" not in first.err
    assert "Warning" not in first.err


def test_again_everything_is_cached_at_once(saga: Saga, small: list[str], store: str, first: Done) -> None:
    again = soon(lambda: saga("run", "demo", *small, "--store", store, "--json"))
    assert again.code == 0
    assert set(again.states.values()) == {"cached"}
    same = [[(r["stage"], r["key"], r["digest"], r["uri"]) for r in done.report["stages"]] for done in (first, again)]
    assert same[0] == same[1]
    assert again.report["metrics"] == first.report["metrics"]


@pytest.mark.slow
def test_what_is_not_measured_has_no_row(saga: Saga, small: list[str], store: str, first: Done) -> None:
    off = ("--set", "evaluation.summaries=null", "--set", "evaluation.reading=null")
    done = saga("run", "demo", *small, *off, "--store", store, "--json")
    assert done.code == 0, done.err
    assert {name for name, state in done.states.items() if state != "cached"} == {
        "items",
        "evaluate_human",
        "evaluate_base",
        "evaluate",
        "panel",
        "publish",
    }
    measured = tuple(name for name in METRICS if not name.startswith(("summ_", "rc_", "acceptability_")))
    assert tuple(done.report["metrics"]["final"]) == measured
    card = Path(done.report["card"]).read_text(encoding="utf-8")
    for text in (done.out, card):
        assert "ScaLA AUROC" in text
        assert "Summ PS" not in text
        assert "RC APS" not in text


@pytest.mark.slow
def test_labelled_sentences_are_measured_but_for_one_that_the_training_holds(
    saga: Saga, small: list[str], store: str, first: Done, tmp_path: Path
) -> None:
    (data,) = (Path(row["uri"]) for row in first.report["stages"] if row["stage"] == "data")
    seen = next(s for s in pq.read_table(data / "prompts.parquet")["sentence"].to_pylist() if len(s.split()) > 6)
    right = [f"Hun kjøpte en ny {thing} til barna sine i går." for thing in ("sykkel", "ball", "genser", "seng")]
    wrong = [sentence.replace("kjøpte en", "en kjøpte") for sentence in right]
    labelled = tmp_path / "NoCoLa_class_test.txt"
    lines = [*("Grammatical:\n" + sentence + "\n" for sentence in [*right, seen])]
    lines += ("Ungrammatical:\n" + sentence + "\tO\n" for sentence in wrong)
    labelled.write_text("\n".join(lines), encoding="utf-8")
    source = ("--set", f"evaluation.acceptability.source.path={labelled}")
    done = saga("run", "demo", *small, *source, "--store", store, "--json")
    assert done.code == 0, done.err
    for model in ("base", "final"):
        assert done.report["metrics"][model]["acceptability_auroc"]["n"] == 8
    assert "CoLA AUROC" in done.out
    assert "CoLA AUROC" in Path(done.report["card"]).read_text(encoding="utf-8")
    (items,) = (Path(row["uri"]) for row in done.report["stages"] if row["stage"] == "items")
    record = json.loads((items.parent / "record.json").read_text(encoding="utf-8"))
    assert record["headline"]["left_out"]["acceptability"] == 1


@pytest.mark.slow
def test_a_leak_fails_the_run_where_the_recipe_wants_it(saga: Saga, small: list[str], store: str, first: Done) -> None:
    # The demo asks about, and summarises, the articles that it trains on, which leaves out what it has trained on.
    done = saga("run", "demo", *small, "--set", "evaluation.on_leak=fail", "--store", store)
    assert done.code == 1
    line = done.err.splitlines()[-3]
    assert re.search(r"evaluation\.on_leak: the training text holds \d+ sentences of ScaLA: .* take them out", line)
    assert "Traceback" not in done.err


def test_a_runtime_setting_runs_nothing(saga: Saga, small: list[str], store: str, first: Done) -> None:
    sets = ("runtime.generation_batch=3", "runtime.train_micro_batch=1", "runtime.device=cpu", "runtime.workers=2")
    done = saga("run", "demo", *small, *(p for s in sets for p in ("--set", s)), "--store", store, "--json")
    assert set(done.states.values()) == {"cached"}


def test_a_plan_says_why(saga: Saga, small: list[str], store: str, first: Done) -> None:
    done = soon(lambda: saga("plan", "demo", *small, "--set", "dpo.beta=0.2", "--store", store, "--json"))
    states = {row["stage"]: (row["state"], row["why"]) for row in done.report["stages"]}
    assert states["pairs"][0] == "cached"
    assert states["dpo"] == ("run", "dpo.beta 0.1 → 0.2")
    assert states["evaluate"] == ("run", "its input dpo will run")
    assert states["evaluate_base"][0] == "cached"
    fresh = saga("plan", "demo", *small, "--store", f"{store}-other", "--json").report["stages"]
    assert [row["state"] for row in fresh if row["stage"] in ("probe", "sft")] == ["run", "undecided"]


def test_one_changed_setting_runs_only_what_depends_on_it(
    saga: Saga,
    small: list[str],
    store: str,
    first: Done,
) -> None:
    done = saga("run", "demo", *small, "--set", "dpo.beta=0.2", "--until", "dpo", "--store", store, "--json")
    assert done.code == 0, done.err
    assert [stage for stage, state in done.states.items() if state == "computed"] == ["dpo"]


def test_the_adapter_loads_by_the_cards_own_snippet(first: Done, tmp_path: Path) -> None:
    card = Path(first.report["card"]).read_text(encoding="utf-8")
    snippet = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert snippet
    done = subprocess.run([sys.executable, "-c", snippet[1]], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Norsk er")


def test_a_run_can_be_shown_and_its_card_printed(saga: Saga, store: str, first: Done) -> None:
    run = first.report["run"]
    assert saga("show", run, "--store", store, "--json").report["run"] == run
    card = saga("card", "demo", "--store", store)
    assert card.code == 0
    assert "## Usage" in card.out
    missing = saga("show", "nothing", "--store", store)
    assert missing.code == 2
    assert missing.err.count("\n") == 1


def test_the_recipes_are_listed(saga: Saga) -> None:
    out = saga("recipes").out
    assert all(name in out for name in ("demo", "nb-llama-3.2-1b", "nb-llama-3.2-1b-forced-sft"))


@pytest.mark.slow
def test_too_few_pairs_is_one_line_and_keeps_what_was_made(
    saga: Saga,
    small: list[str],
    store: str,
    first: Done,
) -> None:
    arguments = ("run", "demo", *small, "--set", "dpo.min_pairs=5000", "--store", store, "--json")
    done = saga(*arguments)
    assert done.code == 2
    line, kept, resume = done.err.splitlines()[-3:]
    assert kept == f"  kept: 9 finished stages in {store}"
    assert resume.startswith("  resume: saga run demo --set ")
    assert re.fullmatch(r"saga: dpo: too few pairs to train: \d+, and dpo\.min_pairs is 5000; .*lower.*", line)
    assert "Traceback" not in done.err
    assert done.states["dpo"] == "failed"
    assert {state for stage, state in done.states.items() if stage != "dpo"} == {"cached"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"corpus\.sources: the corpus is empty: no usable sentence in 0 documents"),
        ('{"text": "blåbær"}'.encode("latin-1"), r"corpus\.jsonl:1: not UTF-8"),
    ],
)
def test_a_bad_corpus_is_one_line(saga: Saga, tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "corpus.jsonl").write_bytes(text)
    path = f"corpus.sources=[{{path: {tmp_path}/corpus.jsonl}}]"
    done = saga("run", "demo", "--set", path, "--store", str(tmp_path / "store"))
    assert done.code == 2
    assert re.search(f"saga: data: .*{message}", done.err.splitlines()[-3])
    assert "Traceback" not in done.err


def test_a_partial_run_hides_neither_card_nor_results(saga: Saga, small: list[str], store: str, first: Done) -> None:
    assert saga("run", "demo", *small, "--until", "data", "--store", store).code == 0
    assert saga("card", first.report["run"], "--store", store).code == 0


@pytest.mark.slow
def test_bit_rot_that_only_a_hash_shows_is_mended_where_it_is_met(
    saga: Saga, small: list[str], store: str, first: Done
) -> None:
    uri = next(row["uri"] for row in first.report["stages"] if row["stage"] == "pairs")
    file = Path(uri) / "pairs.parquet"
    status, data = file.stat(), bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    # As a failing disk does it: neither size nor time tell.
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    done = saga("run", "demo", *small, "--set", "dpo.beta=0.4", "--until", "dpo", "--store", store, "--json")
    assert done.code == 0, done.err
    assert [stage for stage, state in done.states.items() if state == "computed"] == ["pairs", "dpo"]
    assert "dpo: refused" in done.err
    assert "its input pairs is damaged" in done.err
    mended = next(row for row in done.report["stages"] if row["stage"] == "pairs")
    assert mended["digest"] == next(row["digest"] for row in first.report["stages"] if row["stage"] == "pairs")
    assert list(Path(uri).parent.glob("record.json.damaged-*"))
    assert file.read_bytes() == bytes(data)
    # What was put aside is no longer anyone's artifact.
    assert saga("verify", "pairs", "--store", store).code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plam"], "No such command 'plam'. Did you mean 'plan'?"),
        (["run", "--store", "x"], "Missing argument 'recipe'"),
        (["run", "demo", "--until"], "Option '--until' requires an argument"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(saga: Saga, arguments: list[str], told: str) -> None:
    done = saga(*arguments)
    assert done.code == 2
    assert done.err == f"saga: {told}; saga --help, or saga COMMAND --help, shows what there is\n"


def test_a_home_that_prefect_cannot_write_to_is_named_at_once(saga: Saga, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    done = saga("run", "demo", "--store", str(tmp_path / "store"), PREFECT_HOME=str(tmp_path / "home"))
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith(f"saga: {tmp_path}/home: Prefect's server cannot write here")
    assert done.err.endswith("let PREFECT_HOME name another folder\n")


def test_a_mistake_prints_its_json_too(saga: Saga, tmp_path: Path) -> None:
    done = saga("run", "demo", "--set", "sft.tau=8", "--store", str(tmp_path), "--json")
    assert done.code == 2
    assert done.report["stages"] == []
    assert done.report["error"] in done.err


def test_tensorboard_shows_what_the_trainings_kept(store: str, first: Done) -> None:
    rows = {row["stage"]: row for row in first.report["stages"]}
    for stage in ("sft", "dpo"):
        folder = Path(store) / "tracking" / "demo" / stage / rows[stage]["key"][:32]
        events = EventAccumulator(str(folder)).Reload()
        history = pq.read_table(Path(rows[stage]["uri"]) / "history.parquet").to_pylist()
        shown = {event.step: event.value for event in events.Scalars("train/loss")}
        assert shown == pytest.approx({int(row["step"]): row["loss"] for row in history}, rel=1e-6)
    assert not [path for path in Path(store).rglob("events.out.*") if "tracking" not in path.parts]


@pytest.mark.slow
def test_a_training_that_nobody_is_told_of_has_the_same_digest(
    saga: Saga, small: list[str], store: str, first: Done
) -> None:
    silent = ("--set", "runtime.report_to=[]", "--refresh", "dpo", "--until", "dpo")
    done = saga("run", "demo", *small, *silent, "--store", store, "--json")
    assert done.states["dpo"] == "computed"
    digests = [next(r["digest"] for r in d.report["stages"] if r["stage"] == "dpo") for d in (first, done)]
    assert digests[0] == digests[1]
