"""The names that server, workers and deployments agree on."""

from __future__ import annotations

CPU_POOL = "saga-cpu"
GPU_POOL = "saga-gpu"
# The queue of the CPU pool for what is no run of a language; Prefect makes it with the pool.
DEFAULT_QUEUE = "default"
# Whole runs of one language that go on at once.
RUNS_A_LANGUAGE = 1
# On every deployment of ours, so that one that is no longer wanted can be told from others' deployments.
TAG = "saga"
# Where a run begins: in its worker's own working directory.
PULL_STEPS = [{"prefect.deployments.steps.set_working_directory": {"directory": "."}}]
