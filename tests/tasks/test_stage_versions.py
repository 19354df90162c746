"""A stage's behaviour and its VERSION change together, or this fails."""

import json

import pytest
import stage_lock

from tasks.pipeline import ABLATION, PIPELINE, RETRAINING


@pytest.mark.parametrize("stage", [*(stage.name for stage in PIPELINE), *RETRAINING, *ABLATION])
def test_behaviour_and_version_change_together(stage: str) -> None:
    locked = json.loads(stage_lock.LOCK.read_text(encoding="utf-8"))[stage]
    now = stage_lock.current()[stage]
    changed = stage_lock.differing(locked["code"], now["code"])
    if now["version"] == locked["version"]:
        if not changed:
            return
        pytest.fail(f"{', '.join(changed)} changed, so raise VERSION in tasks/{stage}.py, then run `make lock-stages`")
    pytest.fail(f"VERSION of {stage} was raised: run `make lock-stages` and note it under Cache-breaking")


def test_a_comment_changes_nothing_and_a_figure_does() -> None:
    source = '"""Doc."""\n\ndef f(x):\n    """Doc."""\n    return x + 1\n'
    same = '"""Other."""\n# A comment.\ndef f(x):\n    # Another.\n    return (x +\n        1)\n'
    assert stage_lock.fingerprint(source) == stage_lock.fingerprint(same)
    assert stage_lock.fingerprint(source) != stage_lock.fingerprint(source.replace("1", "2"))


def test_a_new_language_changes_no_stage_and_another_prompt_does() -> None:
    before = stage_lock.stage_code("evaluate")
    assert stage_lock.differing(before, before | {"saga_core.languages.se": "0" * 16}) == []
    for name in ("saga_core.languages.nb", "saga_core.languages"):
        assert stage_lock.differing(before, before | {name: "0" * 16}) == [name]
    assert stage_lock.differing(before | {"saga_core.languages.se": "0" * 16}, before) == ["saga_core.languages.se"]


def test_a_stage_stands_for_all_that_it_reaches() -> None:
    assert {"tasks.scores", "saga_core.rewards.mattr", "saga_core.judges.rules"} <= stage_lock.stage_code(
        "scores"
    ).keys()
    assert "saga_core.rewards.mattr" not in stage_lock.stage_code("data")
    assert "saga_core.languages.nb" in stage_lock.stage_code("evaluate")
