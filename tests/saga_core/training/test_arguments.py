from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from trl import DPOConfig

from saga_core.recipe import DpoSettings, RuntimeSettings
from saga_core.training.arguments import micro_batch, shared_arguments


@given(st.integers(1, 512), st.integers(1, 512))
def test_steps_have_exactly_the_batch_asked_for(batch: int, at_most: int) -> None:
    micro = micro_batch(batch, at_most)
    assert 1 <= micro <= at_most
    assert batch % micro == 0


def test_arguments_are_those_of_the_card(tmp_path: object) -> None:
    args = DPOConfig(
        **shared_arguments(DpoSettings(), RuntimeSettings(device="cpu", train_micro_batch=8), 3, str(tmp_path))
    )
    assert args.per_device_train_batch_size * args.gradient_accumulation_steps == 64
    assert args.device.type == "cpu"
    assert args.bf16
    assert not args.gradient_checkpointing
    assert args.seed == args.data_seed == 3
    assert args.get_warmup_steps(100) == 10
