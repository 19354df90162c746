"""Who asks for a run, and what a worker refuses."""

from pathlib import Path

import pytest

from saga_core.errors import StageError, UserError
from tasks.asking import check_device, open_run
from tasks.pools import uses_pools


def test_a_worker_without_cuda_says_so_and_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever the machine has, this process sees none: torch counts anew while it has not been initialised.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("SAGA_ALLOW_CPU", raising=False)
    with pytest.raises(StageError, match=r"the worker on .* has no CUDA device; .*SAGA_ALLOW_CPU=1") as refused:
        check_device("dpo")
    assert refused.value.where == "dpo"
    # What needs none is not refused.
    check_device("scores")
    monkeypatch.setenv("SAGA_ALLOW_CPU", "1")
    check_device("dpo")


def test_a_place_that_is_none_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGA_GPU", raising=False)
    assert not uses_pools()
    monkeypatch.setenv("SAGA_GPU", "pool")
    assert uses_pools()
    monkeypatch.setenv("SAGA_GPU", "pol")
    with pytest.raises(UserError, match="SAGA_GPU: 'pol' is neither inline nor pool"):
        uses_pools()


def test_choices_come_before_other_settings(tmp_path: Path) -> None:
    session = open_run("demo", lambda recipe: ("sft.tau=0.1", "seed=4"), ("seed=5",), store=str(tmp_path))
    assert (session.recipe.sft.tau, session.recipe.seed) == (0.1, 5)


@pytest.mark.parametrize(("parameter", "value"), [("until", "dop"), ("refresh", ("dop",))])
def test_an_unknown_stage_is_named_with_the_nearest(tmp_path: Path, parameter: str, value: object) -> None:
    with pytest.raises(UserError, match=f"{parameter}: unknown stage dop; did you mean dpo"):
        open_run("demo", store=str(tmp_path), **{parameter: value})  # type: ignore[arg-type]
