"""What is in a key, and what is not: for the real stages of the demo."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saga_core.artifacts.record import Reference
from saga_core.recipe import RuntimeSettings
from tasks.pipeline import PIPELINE
from tasks.session import Session
from tasks.stage import key_of

OpenDemo = Callable[..., Session]

EVERYTHING = {s.name: Reference(stage=s.name, key="0" * 64, digest="1" * 64, uri="x") for s in PIPELINE}


def keys(session: Session) -> dict[str, str]:
    return {
        stage.name: key_of(
            stage.payload(session.recipe, session.outside, {name: EVERYTHING[name] for name in stage.inputs})
        )
        for stage in PIPELINE
    }


EVALUATIONS = {"evaluate_human", "evaluate_base", "evaluate"}

RUNTIME: dict[str, Any] = {
    "device": "cpu",
    "generation_batch": 3,
    "train_micro_batch": 2,
    "workers": 2,
    "threads": 1,
    "shard_rows": 3,
    "checkpoint_steps": 2,
    "report_to": [],
}


def test_no_runtime_setting_is_in_a_key(open_demo: OpenDemo) -> None:
    assert RUNTIME.keys() == RuntimeSettings.model_fields.keys()
    before = keys(open_demo())
    for name, value in RUNTIME.items():
        assert keys(open_demo(f"runtime.{name}={value}")) == before, name


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("dpo.beta=0.2", {"dpo"}),
        ("dpo.loss=ipo", {"dpo"}),
        ("dpo.nll_weight=0", {"dpo"}),
        ("pairs.min_gap=0.5", {"pairs"}),
        ("scoring.mattr_weight=0.1", {"scores", "panel"}),
        ("scoring.mattr_window=20", {"probe", "scores", *EVALUATIONS, "panel"}),
        ("scoring.unit=first_sentence", {"judge_check", "probe", "scores", *EVALUATIONS, "panel"}),
        ("generation.repetition_penalty=1.2", {"candidates"}),
        ("sft.tau=0.5", {"gate"}),
        ("sft.mode=force", {"gate"}),
        ("sft.epochs=1", {"sft"}),
        ("lora.r=8", {"sft", "dpo"}),
        ("evaluation.sampling.temperature=1.0", {"evaluate_base", "evaluate"}),
        ("evaluation.sampling.max_new_tokens=50", EVALUATIONS),
        ("probe.temperature=1.0", {"probe"}),
        ("evaluation.summaries.items=5", {"items"}),
        ("evaluation.summaries=null", {"items", *EVALUATIONS}),
        ("evaluation.reading=null", {"items", *EVALUATIONS}),
        ("evaluation.scala.sentences=20", {"judge_check", "items"}),
        ("evaluation.reading.max_new_tokens=20", EVALUATIONS),
        ("evaluation.on_leak=fail", {"items"}),
        ("evaluation.stride=64", {"evaluate_base", "evaluate"}),
        ("corpus.prompts=10", {"data"}),
        ("corpus.sources.0.limit=50", {"data"}),
        ("model.title=Other", set()),
        (
            "seed=1",
            {
                *("judge", "judge_check", "data", "items", "probe", "sft", "candidates", "dpo"),
                *EVALUATIONS,
                "panel",
            },
        ),
        ("training_seed=1", {"sft", "candidates", "dpo"}),
        ("training_seed=0", set()),
    ],
)
def test_a_setting_is_in_the_keys_of_the_stages_that_it_changes(
    open_demo: OpenDemo, override: str, changed: set[str]
) -> None:
    before, after = keys(open_demo()), keys(open_demo(override))
    # The card tells every setting, so publication always follows.
    assert {name for name in before if before[name] != after[name]} == changed | {"publish"}


def test_where_a_file_lies_is_not_in_a_key(open_demo: OpenDemo, tmp_path: Path) -> None:
    before = open_demo()
    copy = tmp_path / "elsewhere.jsonl"
    copy.write_bytes(Path(before.outside["corpus.0"].location).read_bytes())
    after = open_demo(f"corpus.sources.0.path={copy}")
    assert keys(after)["data"] == keys(before)["data"]
    copy.write_bytes(copy.read_bytes() + b"\n")
    assert keys(open_demo(f"corpus.sources.0.path={copy}"))["data"] != keys(before)["data"]


def test_a_version_is_in_the_key_and_a_skipped_input_is_not(open_demo: OpenDemo) -> None:
    session, dpo = open_demo(), next(s for s in PIPELINE if s.name == "dpo")
    payload = dpo.payload(session.recipe, session.outside, EVERYTHING)
    assert payload["version"] == dpo.version
    without = {name: ref for name, ref in EVERYTHING.items() if name != "sft"}
    assert key_of(dpo.payload(session.recipe, session.outside, without)) != key_of(payload)


@given(st.floats(0.01, 5.0), st.floats(0.01, 5.0))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
def test_equal_settings_and_only_they_have_equal_keys(open_demo: OpenDemo, one: float, other: float) -> None:
    assert (keys(open_demo(f"dpo.beta={one!r}")) == keys(open_demo(f"dpo.beta={other!r}"))) == (one == other)
