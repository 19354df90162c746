"""A short soak; ``make soak`` does a long one and prints the table."""

import pytest
from benchmarks.soak import soak
from servers.s3_endpoint import unavailable

from deployments.local import requirements
from saga_core.errors import UserError


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_grows(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        requirements.check()
    except UserError as error:
        unavailable(str(error))
    # The run that makes what the others find is a full one.
    soak(12, 0)
    assert "every run completed, once" in capsys.readouterr().out
