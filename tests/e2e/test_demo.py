"""The demo as `make demo` runs it, and its arms: the promise that alignment works, on the real models."""

from pathlib import Path

import pytest
import readme
from e2e_command import Saga

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("mode", ["auto", "force", "skip"])
def test_the_heldout_judge_sees_the_gain_and_perplexity_stays(saga: Saga, store: str, mode: str) -> None:
    done = saga("run", "demo", "--set", f"sft.mode={mode}", "--store", store, "--json")
    assert done.code == 0, done.err
    base, final = done.report["metrics"]["base"], done.report["metrics"]["final"]
    assert final["parse_success"]["value"] - base["parse_success"]["value"] >= 0.10
    # Not by the luck of these prompts: the base's figure lies below the interval.
    assert final["parse_success"]["low"] > base["parse_success"]["value"]
    assert final["ppl"]["value"] <= 1.05 * base["ppl"]["value"]
    assert done.states["sft"] == {"auto": "computed", "force": "cached", "skip": "skipped"}[mode]
    stage = "KL-SFT + Δ-DPO" if mode != "skip" else "(SAGA Δ-DPO)"
    assert stage in Path(done.report["card"]).read_text(encoding="utf-8")


def test_the_readmes_commands_do_what_it_says(saga: Saga, store: str) -> None:
    lines = [arguments for arguments in readme.commands("saga") if "my-model.yaml" not in arguments]
    assert ["run", "demo", "--set", "dpo.beta=0.2"] in lines
    for arguments in lines:
        done = saga(*arguments, SAGA_STORE=store)
        assert done.code == 0, (arguments, done.err)
        if arguments == ["run", "demo"]:
            assert "computed" not in done.out
