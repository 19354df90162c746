"""A flow that fails the first time, and whose process takes long to end."""

import atexit
import time

from prefect import flow, runtime


@flow
def lingering() -> None:
    atexit.register(time.sleep, 15)
    assert runtime.flow_run.run_count > 1, "the first time"
