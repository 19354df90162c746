"""The commands that look after a store, as a user runs them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from artifact_graphs import chain, listing, put, record_file, set_age, write_run
from e2e_command import ROOT, Done, command
from servers.fixtures import Bucket, Proxied
from typer.testing import CliRunner

from flows.cli import app
from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.recipe_file import load_recipe
from tasks.opening import open_session
from tasks.runner import Runner

Saga = Callable[..., Done]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
def saga(store: Store, tmp_path: Path) -> Saga:
    def run(*arguments: str, width: int = 80, at: str = store.uri) -> Done:
        done = subprocess.run(
            [*command(*arguments), "--store", at],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env={"PATH": "", "PYTHONPATH": str(ROOT), "COLUMNS": str(width), "HOME": str(tmp_path)},
        )
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def made(store: Store) -> list[Record]:
    data, sft, dpo = chain(store, "data", "sft", "dpo")
    write_run(store, "demo-0123456789", [data, sft, dpo])
    return [data, sft, dpo]


def total(records: list[Record]) -> int:
    return sum(file.size for record in records for file in record.files)


def test_a_whole_store_is_verified(saga: Saga, store: Store, made: list[Record]) -> None:
    done = saga("verify", "--json")
    assert done.code == 0, done.err
    assert f"3 artifacts, 3 files with {total(made)} B hashed in {store.uri}\nnothing is damaged\n" in done.out
    assert (done.report["artifacts"], done.report["damaged"]) == (3, [])


def test_each_damaged_file_is_named_with_its_full_path_on_a_line_of_its_own(
    saga: Saga, store: Store, made: list[Record]
) -> None:
    spoilt, half = Path(store.reference(made[0]).uri) / "value.json", record_file(store, made[2])
    spoilt.write_text("1")
    half.write_text("{")
    done = saga("verify", "--json")
    assert done.code == 1
    lines = done.out.splitlines()
    assert f"{spoilt}: the file has 1 bytes, not {made[0].files[0].size}" in lines
    assert any(line.startswith(f"{half}: not a record") for line in lines)
    assert lines[-2].startswith("2 damaged files; saga verify --set-aside")
    assert {found["file"] for found in done.report["damaged"]} == {str(spoilt), str(half)}
    assert saga("verify", "sft").code == 0
    assert saga("verify", "--set-aside").code == 1
    assert saga("verify").code == 0
    assert record_file(store, made[0]).exists() is False
    unknown = saga("verify", "spt")
    assert (unknown.code, unknown.err) == (2, "saga: saga verify: unknown stage spt; did you mean sft?\n")


def test_what_is_in_a_store_writes_no_escapes_to_the_terminal(saga: Saga, store: Store, made: list[Record]) -> None:
    evil = "\x1b[2J[red]x"
    record = put(store, "probe", recipe=evil, settings={"a[b]": evil})
    (Path(store.reference(record).uri) / "\x1b[2J.json").write_text("1")
    (Path(store.reference(record).uri) / "\udcff.json").write_text("1")
    verified, shown = saga("verify", "--json"), saga("show", f"probe/{record.key[:8]}", "--json")
    assert (verified.code, shown.code) == (1, 0)
    for done in (verified, shown):
        assert "\x1b" not in done.out
    assert "�[2J[red]x" in shown.out
    assert {Path(found["file"]).name for found in verified.report["damaged"]} == {"\x1b[2J.json", "\udcff.json"}


def test_a_card_writes_no_escapes_to_the_terminal(saga: Saga, store: Store) -> None:
    card = b"# card \x1b[2J\x1b]0;owned\x07 \xff\n\tindented\n"
    record = put(store, "publish", files={"README.md": card})
    write_run(store, "demo-0123456789", [record], card=f"{store.reference(record).uri}/README.md")
    shown = saga("card")
    assert shown.code == 0, shown.err
    assert "\x1b" not in shown.out
    assert shown.out.startswith("# card �[2J�]0;owned� �\n\tindented\n")


def test_a_run_with_a_damaged_evaluation_is_shown_all_the_same(saga: Saga, store: Store) -> None:
    record = put(store, "evaluate", files={"metrics.json": b"{}"})
    write_run(store, "demo-0123456789", [record], metrics={"base": {}, "final": {"ps": {"value": 1.0}}})
    record_file(store, record).write_text("{")
    shown = saga("show", width=300)
    assert shown.code == 0, shown.err
    assert "not a record" in shown.out


def test_brackets_in_names_are_no_markup(saga: Saga, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "a[/b] [red]c"))
    record = put(store, "data", recipe="my[/model]", settings={"title": "[/INST]"})
    write_run(store, "demo-0123456789", [record], recipe="my[/model]")
    for arguments in (["show"], ["show", f"data/{record.key[:8]}"], ["verify"], ["gc"], ["plan", "demo"]):
        done = saga(*arguments, width=300, at=store.uri)
        assert done.code == 0, done.err
        assert arguments[0] == "plan" or "a[/b] [red]c" in done.out


def test_gc_says_what_goes_and_why_the_rest_stays(saga: Saga, store: Store, made: list[Record]) -> None:
    chain(store, "probe", "gate", days=40)
    before = listing(store)
    dry = saga("gc", "--dry-run", "--json")
    assert dry.code == 0, dry.err
    assert listing(store) == before
    assert "would go" in dry.out
    assert "nothing was removed" in dry.out
    done = saga("gc", "--json")
    assert done.code == 0, done.err
    assert {**done.report, "dry_run": True} == dry.report
    assert [item["stage"] for item in done.report["removed"]] == ["gate", "probe"]
    assert {kept["why"] for kept in done.report["kept"]} == {"used lately"}
    assert "used in the last 30 days" in done.out
    assert f"freed in {store.uri}" in done.out
    assert set(before) - set(listing(store)) == {path for path in before if path.startswith(("gate/", "probe/"))}
    assert "nothing to remove" in saga("gc").out


def test_gc_takes_an_age_and_a_recipe(saga: Saga, store: Store, made: list[Record]) -> None:
    chain(store, "probe", "gate", days=2, recipe="other")
    put(store, "data", seed=3, days=2)
    assert saga("gc", "--json").report["removed"] == []
    assert [r["stage"] for r in saga("gc", "--older-than", "12h", "--recipe", "other", "--json").report["removed"]] == [
        "gate",
        "probe",
    ]
    assert [r["stage"] for r in saga("gc", "--older-than", "12h", "--json").report["removed"]] == ["data"]
    wrong = saga("gc", "--older-than", "tomorrow")
    assert wrong.code == 2
    assert wrong.err == "saga: --older-than: no age: tomorrow; give a number with m, h, d or w: 90m, 12h, 30d, 8w\n"


def test_a_store_without_conditional_writes_is_said_and_collected_with_care(
    bucket: Bucket, proxied: Proxied, capfd: pytest.CaptureFixture[str]
) -> None:
    proxied(bucket, strip_conditions=1.0)
    uri = f"{bucket.url}/store"
    put(Store(uri), "data")
    Runner(open_session(load_recipe("demo"), uri), None)
    assert "has no conditional writes: two runs that make the same artifact both compute it" in capfd.readouterr().err
    refused, done = (CliRunner().invoke(app, ["gc", "--older-than", age, "--store", uri]) for age in ("23h", "1d"))
    assert (refused.exit_code, done.exit_code) == (2, 0)
    assert "this store has no leases, so that a run in progress cannot be told" in refused.stderr


def test_gc_says_what_it_cannot_read(saga: Saga, store: Store, made: list[Record]) -> None:
    record_file(store, made[2]).write_text("{")
    set_age(store, "", 40)
    done = saga("gc", "--older-than", "0d", "--json")
    assert done.code == 0
    assert str(record_file(store, made[2])) in done.out
    assert "no artifact goes" in done.out
    assert [item["kind"] for item in done.report["removed"]] == []


@pytest.mark.parametrize("arguments", [("verify",), ("gc",), ("gc", "--dry-run")])
def test_a_misspelt_store_is_a_mistake_and_is_not_made(saga: Saga, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = saga(*arguments)
    assert done.code == 2
    assert "no store is here" in done.err
    assert not (tmp_path / "store").exists()


def test_a_run_is_shown_with_sizes(saga: Saga, made: list[Record]) -> None:
    done = saga("show", "--json")
    assert done.code == 0, done.err
    assert f"3 artifacts, {total(made)} B" in done.out
    assert [row["bytes"] for row in done.report["stages"]] == [record.files[0].size for record in made]
    assert done.report["bytes"] == total(made)


def test_a_run_whose_evaluation_is_gone_is_shown_all_the_same(saga: Saga, store: Store, made: list[Record]) -> None:
    (report,) = store.runs.newest()
    metrics = {"base": {"ppl": {"value": 1.0}}, "final": {"ppl": {"value": 1.0}}}
    store.runs.write(report["run"], "9", report | {"metrics": metrics, "adapter": "elsewhere"})
    done = saga("show")
    assert done.code == 0, done.err
    assert "the evaluation is no longer in the store\nadapter: elsewhere" in done.out


@pytest.mark.parametrize("width", [80, 200])
def test_an_artifact_is_shown_with_its_lineage(saga: Saga, store: Store, made: list[Record], width: int) -> None:
    dpo = made[2]
    for name in (f"dpo/{dpo.key[:8]}", "demo/dpo", store.reference(dpo).uri):
        done = saga("show", name, "--json", width=width)
        assert done.code == 0, done.err
        assert f"└── sft {made[1].key[:8]}" in done.out
        assert f"    └── data {made[0].key[:8]}" in done.out
        assert "nothing was made from it" in done.out
        assert store.reference(dpo).uri in done.out.splitlines()
        assert [node["stage"] for node in done.report["lineage"]] == ["dpo", "sft", "data"]
        assert max(map(len, done.out.splitlines()[:-1])) <= max(width, len(store.reference(dpo).uri))
    assert f"dpo {dpo.key[:8]}" in saga("show", "demo/sft").out.partition("made from it")[2]


def test_why_goes_down_to_the_first_cause(saga: Saga, store: Store, made: list[Record]) -> None:
    data = put(store, "data", settings={"limit": 3})
    sft = put(store, "sft", data)
    write_run(store, "demo-9876543210", [data, sft])
    done = saga("why", f"sft/{made[1].key[:8]}", f"sft/{sft.key[:8]}", "--json")
    assert done.code == 0, done.err
    assert f"input data  {made[0].key[:8]} → {data.key[:8]}\n└── limit  none → 3\n" in done.out
    cause = done.report["inputs"][0]["why"]["fields"]
    assert cause == [{"name": "settings.limit", "old": None, "new": 3}]
    runs = saga("why", "demo-0123456789", "demo-9876543210", "--json")
    assert runs.code == 0, runs.err
    assert "told above" in runs.out
    assert set(runs.report["stages"]) == {"data", "sft", "dpo"}
    assert "the same artifact" in saga("why", "demo/sft", "demo-9876543210/sft").out
    for wrong in (("demo", "demo/sft"), ("demo/sft", "demo/data"), ("nothing", "demo"), ("demo/sft", "demo/dpo")):
        assert saga("why", *wrong).code == 2


def test_none_of_it_needs_torch_or_prefect(store: Store, made: list[Record]) -> None:
    code = f"""
import sys
from flows.cli import app
key = {made[1].key[:8]!r}
for arguments in (["verify"], ["gc"], ["show"], ["show", "sft/" + key], ["why", "sft/" + key, "sft/" + key]):
    app([*arguments, "--store", {store.uri!r}], standalone_mode=False)
print([name for name in ("torch", "prefect", "spacy", "stanza") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
