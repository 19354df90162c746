import pytest

from saga_core.training.history import last_epoch_mean


def test_the_last_epochs_rows_count_alike_whatever_the_step_they_came_in() -> None:
    # Two epochs of five rows in steps of two: the last step has one row.
    history = [{"accuracy": value} for value in (0.0, 0.0, 0.0, 0.5, 1.0, 0.0)]
    assert last_epoch_mean(history, "accuracy", 5, 2, 2) == pytest.approx((0.5 * 2 + 1.0 * 2 + 0.0) / 5)
    assert last_epoch_mean(history[:1], "accuracy", 3, 8, 1) == 0.0
