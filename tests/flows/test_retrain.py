"""Who becomes the champion, over several runs: what is promoted, kept, restored, and never done twice."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml
from e2e_command import environment
from retraining import Runs, open_run, retrain, run_pipeline
from safetensors.numpy import load_file

import flows.retrain
from saga_core.artifacts.pointer import Pointer
from saga_core.artifacts.store import Store
from saga_core.errors import StageError
from saga_core.evaluation.guards import Guards
from saga_core.recipe_file import load_recipe
from tasks.retraining import settled

ROOT = Path(__file__).resolve().parents[2]
_SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


def champion(store: str) -> tuple[int, str] | None:
    """Return the number of the last entry and the champion's adapter."""
    history = Pointer(Store(store), "nb").history()
    if not history or history[-1].champion is None:
        return None
    opened = Store(store)
    reference = history[-1].champion.artifact("publish")
    assert reference
    weights = load_file(opened.fetch(reference) / "adapter_model.safetensors")
    return history[-1].number, str(weights["beta"][0])


def test_the_first_adapter_that_beats_its_base_is_the_champion(store: str) -> None:
    verdict, made = retrain(store, "dpo.beta=0.12")
    assert verdict.what == "kept"
    assert "not surely better at the level 0.05" in verdict.reasons[0]
    assert champion(store) is None
    verdict, made = retrain(store, "dpo.beta=0.4")
    assert (verdict.what, champion(store)) == ("promoted", (1, "0.4"))
    assert made == ["dpo", "evaluate", "panel", "publish", "promotion"]


def test_the_decision_is_an_artifact_with_the_reasons_in_the_card(store: str) -> None:
    retrain(store, "dpo.beta=0.4")
    retrain(store, "dpo.beta=0.7")
    entry = Pointer(Store(store), "nb").history()[-1]
    assert entry.champion
    card = Path(entry.champion.card)
    text = card.read_text(encoding="utf-8")
    assert text.startswith("# Card\n\n## Promotion\n\nCompared with champion 1 (demo): **promoted**.\n")
    assert text.endswith("\n## Limits\n\n- some\n")
    assert "parse success 70.0% against 40.0% of champion 1 (demo)" in entry.reasons[0]
    decision = json.loads((card.parent / "decision.json").read_text())
    assert (decision["verdict"], decision["champion"]) == ("promote", "champion 1 (demo)")
    assert (card.parent / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert {r.stage for r in entry.champion.artifacts} == {
        "data", "dpo", "evaluate_base", "evaluate", "publish", "promotion"
    }  # fmt: skip


@pytest.mark.slow
def test_the_better_one_is_promoted_and_the_worse_one_is_not(store: str) -> None:
    retrain(store, "dpo.beta=0.4")
    assert retrain(store, "dpo.beta=0.42")[0].what == "kept"
    assert retrain(store, "dpo.beta=0.2")[0].what == "kept"
    assert champion(store) == (1, "0.4")
    assert retrain(store, "dpo.beta=0.6")[0].what == "promoted"
    assert champion(store) == (2, "0.6")


@pytest.mark.slow
def test_again_there_is_nothing_to_do_whoever_is_champion(store: str) -> None:
    for beta in ("0.4", "0.2"):
        retrain(store, f"dpo.beta={beta}")
        verdict, made = retrain(store, f"dpo.beta={beta}")
        assert (verdict.what, made) == ("unchanged", [])
    # Other guards are another decision, and nothing else.
    verdict, made = retrain(store, "dpo.beta=0.2", guards=Guards(significance=0.01))
    assert (verdict.what, made) == ("kept", ["promotion"])


@pytest.mark.slow
def test_another_adapter_took_its_place_and_it_does_not_come_back_by_itself(store: str) -> None:
    retrain(store, "dpo.beta=0.4")
    retrain(store, "dpo.beta=0.7")
    verdict, made = retrain(store, "dpo.beta=0.4")
    assert (verdict.what, made) == ("kept", ["promotion"])
    assert "another adapter took its place (entry 2): saga rollback nb --to 1 brings it back" in verdict.reasons[0]


def test_a_return_is_not_undone_by_repetition(store: str) -> None:
    retrain(store, "dpo.beta=0.4")
    retrain(store, "dpo.beta=0.7")
    Pointer(Store(store), "nb").roll_back()
    assert champion(store) == (3, "0.4")
    verdict, made = retrain(store, "dpo.beta=0.7")
    # Once the decision is told, and from then on there is nothing to do.
    assert (verdict.what, made) == ("kept", ["promotion"])
    assert "this very adapter was champion 2, until on" in verdict.reasons[0]
    assert "rolled back to 1 (entry 3)" in verdict.reasons[0]
    again, made = retrain(store, "dpo.beta=0.7")
    assert (again.what, again.reasons, made) == ("unchanged", verdict.reasons, [])
    assert champion(store) == (3, "0.4")
    # A new one may, and a person may.
    assert retrain(store, "dpo.beta=0.8")[0].what == "promoted"
    Pointer(Store(store), "nb").roll_back(2)
    assert champion(store) == (5, "0.7")
    assert retrain(store, "dpo.beta=0.7")[0].what == "unchanged"


@pytest.mark.slow
def test_with_no_champion_left_the_next_has_to_beat_its_base_and_the_old_one_stays_away(store: str) -> None:
    retrain(store, "dpo.beta=0.4")
    Pointer(Store(store), "nb").roll_back(0)
    assert retrain(store, "dpo.beta=0.4")[0].what == "kept"
    assert champion(store) is None
    assert retrain(store, "dpo.beta=0.3")[0].what == "promoted"


def test_on_other_items_the_champion_is_measured_anew(store: str) -> None:
    retrain(store, "dpo.beta=0.4")
    verdict, made = retrain(store, "dpo.beta=0.41", "seed=1")
    assert verdict.what == "kept"
    assert made[-2:] == ["evaluate_champion", "promotion"]
    assert "41.0% against 40.0% of champion 1 (demo)" in verdict.reasons[0]
    assert retrain(store, "dpo.beta=0.41", "seed=1")[0].what == "unchanged"
    assert retrain(store, "dpo.beta=0.7", "seed=1")[1][-1] == "promotion"
    assert champion(store) == (2, "0.7")


@pytest.mark.slow
def test_a_champion_of_another_base_model_is_not_compared(store: str, tmp_path: Path) -> None:
    retrain(store, "dpo.beta=0.4")
    base = Path(open_run(store).outside["model"].location)
    other = tmp_path / "other-model"
    other.mkdir()
    for file in base.iterdir():
        (other / file.name).write_bytes(file.read_bytes() + (b"\n" if file.name == "config.json" else b""))
    verdict, _ = retrain(store, "dpo.beta=0.9", f"model.id={other}")
    assert verdict.what == "kept"
    assert "champion 1 adapts another base model, whose figures are not comparable" in verdict.reasons[0]
    assert retrain(store, "dpo.beta=0.9", f"model.id={other}")[0].what == "unchanged"
    Pointer(Store(store), "nb").roll_back(0)
    assert retrain(store, "dpo.beta=0.9", f"model.id={other}")[0].what == "promoted"


@pytest.mark.slow
def test_a_champion_that_is_damaged_is_told_in_one_line(store: str) -> None:
    retrain(store, "dpo.beta=0.4")
    reference = Pointer(Store(store), "nb").history()[0].champion.artifact("evaluate")  # type: ignore[union-attr]
    assert reference
    path = Store(store).fetch(reference) / "items.parquet"
    status, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(StageError, match=r"the champion's evaluate is damaged: .*; run the champion's recipe again"):
        retrain(store, "dpo.beta=0.7")
    assert champion(store) == (1, "0.4")


def _die_before_the_move(store: str, *overrides: str) -> None:
    """Run until the decision is stored, then die as if the machine did."""
    flows.retrain.crown = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    retrain(store, *overrides)


@pytest.mark.slow
def test_a_crash_between_decision_and_move_is_finished_by_the_next_run(store: str) -> None:
    retrain(store, "dpo.beta=0.4")
    process = _SPAWN.Process(target=_die_before_the_move, args=(store, "dpo.beta=0.7"))
    process.start()
    process.join(timeout=120)
    assert process.exitcode == -signal.SIGKILL
    assert champion(store) == (1, "0.4")
    session = open_run(store, "dpo.beta=0.7")
    assert settled(session, Guards()) is None
    verdict, made = retrain(store, "dpo.beta=0.7")
    assert (verdict.what, made) == ("promoted", [])
    assert champion(store) == (2, "0.7")


@pytest.mark.slow
def test_who_is_overtaken_decides_anew_against_the_new_champion(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    retrain(store, "dpo.beta=0.4")
    crown, moved = flows.retrain.crown, []

    def overtaken(*arguments: object) -> object:
        if not moved:
            moved.append(1)
            monkeypatch.setattr(flows.retrain, "crown", crown)
            assert retrain(store, "dpo.beta=0.7")[0].what == "promoted"
        return crown(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(flows.retrain, "crown", overtaken)
    verdict, made = retrain(store, "dpo.beta=0.65")
    assert verdict.what == "kept"
    assert made.count("promotion") == 2
    assert champion(store) == (2, "0.7")


def test_nothing_to_do_is_found_out_in_seconds_and_without_torch(store: str) -> None:
    session = open_run(store, "dpo.beta=0.4")
    run_pipeline(Runs(session), session)
    assert retrain(store, "dpo.beta=0.4")[0].what == "promoted"
    code = f"""
import sys
from flows.champions import retrain
from saga_core.recipe_file import load_recipe
import flows.champions
flows.champions.load_recipe = lambda name: load_recipe(name, ("evaluation.bootstrap=100", "dpo.beta=0.4"))
retrain("demo", store={store!r})
print([m for m in ("torch", "prefect", "spacy", "stanza") if m in sys.modules])
"""
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    print(f"\nnothing to do: {time.monotonic() - start:.1f} s")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["nb: nothing to do", "  champion 1 is this very adapter"]
    assert lines[-1] == "[]"


@pytest.mark.slow
def test_a_server_shows_what_became_of_it(server: tuple[str, Path], store: str, tmp_path: Path) -> None:
    url, home = server
    retrain(store, "dpo.beta=0.4")
    settings = ("evaluation.bootstrap=100", "dpo.beta=0.4")
    recipe = load_recipe("demo", settings).recipe.model_dump(mode="json")
    (tmp_path / "demo.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    code = f"""
import sys
from flows.retrain import retrain
result = retrain({str(tmp_path / "demo.yaml")!r}, store={store!r})
print(result["verdict"], [m for m in ("torch", "spacy", "stanza") if m in sys.modules])
"""
    variables = environment(home) | {"PREFECT_API_URL": url, "PYTHONPATH": str(ROOT)}
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, timeout=300)
    print(f"\nnothing to do, as a flow run of a server: {time.monotonic() - start:.1f} s")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "unchanged []"
    run = httpx.post(f"{url}/flow_runs/filter", json={"sort": "END_TIME_DESC"}, timeout=30).json()[0]
    assert (run["name"], run["state_type"]) == (f"retrain-{tmp_path / 'demo.yaml'}", "COMPLETED")
    assert run["state_name"] == "NothingToDo"
    assert run["state"]["message"] == "nothing to do: champion 1 is this very adapter"
    # No stage was so much as asked for.
    assert httpx.post(f"{url}/task_runs/filter", json={}, timeout=30).json() == []
    pages = httpx.post(f"{url}/artifacts/filter", json={}, timeout=30).json()
    assert [page["key"] for page in pages] == ["champion-nb"]
    assert "parse success 40.0% against 10.0% of the base model" in pages[0]["data"]
