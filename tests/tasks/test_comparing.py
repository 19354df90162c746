from __future__ import annotations

from pathlib import Path

import pytest
from ablating import FIXED, ablate, run_arm

from saga_core.artifacts.store import Store
from saga_core.errors import UserError
from saga_core.recipe_file import load_recipe
from tasks import evaluate
from tasks.comparing import compare_runs
from tasks.comparison import load_comparison
from tasks.opening import open_session
from tasks.report import RunReport


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


def _run(store: str, *settings: str) -> str:
    session = open_session(load_recipe("demo", (*FIXED, *settings)), store)
    RunReport(session, list(run_arm(session, []).values())).keep()
    return session.run


def test_runs_made_separately_are_compared_as_an_ablation_does(store: str) -> None:
    names = [_run(store, f"sft.mode={mode}") for mode in ("skip", "force")]
    found = compare_runs(Store(store), names)
    _, outcome, made = ablate(store, "sft.mode=skip,force")
    assert made == ["comparison"]
    assert outcome.reference
    together = load_comparison(Store(store).fetch(outcome.reference))
    assert list(found.comparison.figures) == ["Base", *names]
    assert found.labels == together.labels
    for mine, theirs in zip(found.comparison.differences, together.comparison.differences, strict=True):
        assert mine.model_dump(exclude={"arm"}) == theirs.model_dump(exclude={"arm"})


def test_a_recipe_means_its_newest_run_and_the_same_model_is_told(store: str) -> None:
    name = _run(store, "sft.mode=force")
    _run(store, "sft.mode=auto")
    found = compare_runs(Store(store), [name, "demo"]).comparison
    assert (found.same, found.differences) == ({"demo": name}, ())


def test_every_reason_against_a_comparison_is_a_line(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = _run(store)
    stride, seed = _run(store, "evaluation.stride=64"), _run(store, "seed=1", "evaluation.stride=64")
    capsys.readouterr()
    with pytest.raises(UserError) as error:
        compare_runs(Store(store), [first, stride, seed])
    assert capsys.readouterr().err.splitlines() == [
        f"  {stride}: evaluation.stride is 64, not 128",
        f"  {seed}: evaluation.stride is 64, not 128",
        f"  {seed}: seed is 1, not 0",
        f"  {seed}: measured on other items (items differs)",
        f"  {seed}: measured on other items (data differs)",
    ]
    assert str(error.value).startswith(f"{stride}, {seed}: not comparable with {first}, for the 5 reasons above; ")


def test_other_items_are_told_by_what_makes_them_others(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    first, fewer = _run(store), _run(store, "seed=1", "evaluation.scala.sentences=20", "corpus.prompts=10")
    capsys.readouterr()
    with pytest.raises(UserError):
        compare_runs(Store(store), [first, fewer])
    assert capsys.readouterr().err.splitlines() == [
        f"  {fewer}: seed is 1, not 0",
        f"  {fewer}: measured on other items (items differs)",
        f"  {fewer}: items.scala is 20, not 200",
        f"  {fewer}: measured on other items (data differs)",
        f"  {fewer}: corpus.prompts is 10, not 600",
    ]


def test_models_that_other_judges_rewarded_are_refused(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = _run(store)
    other = _run(store, "judge={kind: stanza, model: 'demo:models/nb-stanza-evaluator'}")
    capsys.readouterr()
    with pytest.raises(UserError, match="not comparable"):
        compare_runs(Store(store), [first, other])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"  {other}: rewarded by another judge, or another version of it")


@pytest.mark.parametrize("names", [["demo"], ["demo", "demo"], []])
def test_one_run_is_nothing_to_compare(store: str, names: list[str]) -> None:
    with pytest.raises(UserError, match="two different runs at least"):
        compare_runs(Store(store), names)


def test_a_run_without_an_evaluation_is_told(store: str) -> None:
    first = _run(store)
    for name in ("other", ""):
        with pytest.raises(UserError, match=f"no run of this name has an evaluation; measured are {first}"):
            compare_runs(Store(store), [first, name])


def test_an_evaluation_by_an_earlier_version_is_told(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [_run(store, f"sft.mode={mode}") for mode in ("skip", "force")]
    monkeypatch.setattr(evaluate, "VERSION", evaluate.VERSION + 1)
    with pytest.raises(UserError, match=rf"{names[0]}: evaluated by version {evaluate.VERSION - 1} of the stage, not"):
        compare_runs(Store(store), names)
