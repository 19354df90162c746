"""Kills at random points of a run on a real S3 server; ``make faults`` does many more of them and prints the table."""

import pytest
from faults.kills import campaign

# A stage of a fraction of a second may be over before the kill.
_LONG = {"probe", "sft", "candidates", "dpo", "evaluate_base", "evaluate"}


@pytest.mark.slow
def test_a_kill_loses_minutes_and_changes_nothing() -> None:
    kills = campaign(26, seed=7)
    assert {kill.stage for kill in kills} >= _LONG
