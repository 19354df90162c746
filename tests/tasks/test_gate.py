from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saga_core.artifacts.tables import read_json
from saga_core.evaluation.statistics import wilson
from tasks import gate, sft
from tasks.session import Session
from tasks.stage import Work

OpenDemo = Callable[..., Session]


def decide(session: Session, passed: int, n: int, out: Path) -> dict[str, Any]:
    rate = wilson(passed, n)
    probe = {"parse_success": rate.value, "low": rate.low, "high": rate.high, "n": n}
    partial = session.store.partial("gate", "0" * 64, None)
    return gate.compute(Work(session.recipe, session.outside, {}, {"probe": probe}, out, "memory://x", partial))


@pytest.mark.parametrize(
    ("mode", "passed", "runs", "separable"),
    [
        ("auto", 166, False, False),
        ("auto", 160, False, False),
        ("auto", 159, True, False),
        ("auto", 100, True, True),
        ("auto", 190, False, True),
        ("force", 190, True, True),
        ("skip", 10, False, True),
    ],
)
def test_the_gate_decides_by_the_figure_and_says_whether_it_is_sure(
    open_demo: OpenDemo, tmp_path: Path, mode: str, passed: int, runs: bool, separable: bool
) -> None:
    session = open_demo(f"sft.mode={mode}")
    decision = decide(session, passed, 200, tmp_path)
    assert (decision["run_sft"], decision["separable"]) == (runs, separable)
    assert read_json(tmp_path / "decision.json") == decision
    assert {"tau", "parse_success", "low", "high", "n", "mode"} <= decision.keys()
    skipped = sft.skip(session.recipe, {"gate": decision})
    assert (skipped is None) == runs


@given(st.integers(0, 200), st.floats(0, 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_sft_runs_exactly_below_tau(open_demo: OpenDemo, tmp_path: Path, passed: int, tau: float) -> None:
    decision = decide(open_demo(f"sft.tau={tau!r}"), passed, 200, tmp_path)
    assert decision["run_sft"] == (passed / 200 < tau)


def test_the_reason_for_skipping_names_figure_and_threshold(open_demo: OpenDemo, tmp_path: Path) -> None:
    session = open_demo()
    assert sft.skip(session.recipe, {"gate": decide(session, 166, 200, tmp_path)}) == "base PS 83.0% ≥ τ 80%"
    assert sft.skip(open_demo("sft.mode=skip").recipe, {}) == "sft.mode is skip"
    assert sft.consults(open_demo("sft.mode=force").recipe) == ()
