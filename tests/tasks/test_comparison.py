from __future__ import annotations

from pathlib import Path

import pytest

from saga_core.artifacts.record import Reference
from saga_core.errors import DamagedArtifactError
from tasks.comparison import Design, Measured, load_comparison


def _measured(name: str, base: str = "base", adapter: str = "") -> Measured:
    evaluation, base_evaluation = (
        Reference(stage=stage, key="0" * 64, digest=digest.encode().hex().ljust(64, "0"), uri=digest)
        for stage, digest in (("evaluate", name), ("evaluate_base", base))
    )
    return Measured(evaluation, base_evaluation, adapter or name)


def test_a_base_that_arms_share_is_one_column() -> None:
    design = Design.of({"a": [_measured("x")], "b": [_measured("y")]})
    assert (design.bases, design.arms) == ({"Base": "base_0"}, {"a": ("arm_0_0",), "b": ("arm_1_0",)})
    assert {name: reference.uri for name, reference in design.references.items()} == {
        "arm_0_0": "x", "base_0": "base", "arm_1_0": "y"
    }  # fmt: skip


def test_bases_that_differ_are_told_apart() -> None:
    design = Design.of({"a": [_measured("x")], "b": [_measured("y", "other")], "c": [_measured("z")]})
    assert design.bases == {"Base of a": "base_0", "Base of b": "base_1"}


def test_one_seed_that_comes_to_the_same_model_makes_no_arm_the_same() -> None:
    first = [_measured("x"), _measured("y")]
    design = Design.of({"a": first, "b": [_measured("x"), _measured("z")], "c": [*first]})
    assert (list(design.arms), design.same) == (["a", "b"], {"c": "a"})


@pytest.mark.parametrize("text", ["{}", "no", '{"comparison": {}, "labels": {"evaluator": "a", "text": "b", "x": 1}}'])
def test_what_is_no_comparison_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "comparison.json").write_text(text)
    with pytest.raises(DamagedArtifactError, match="not a comparison"):
        load_comparison(tmp_path)
