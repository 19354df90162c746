"""Fixtures of the end-to-end tests."""

import subprocess
from pathlib import Path

import pytest
from e2e_command import ROOT, SMALL, Done, Saga, command, environment


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def saga(prefect_home: Path) -> Saga:
    def run(*arguments: str, timeout: float = 900, **variables: str) -> Done:
        done = subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=ROOT,
            env=environment(prefect_home) | variables,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def small() -> list[str]:
    """The options of ``saga run demo`` that make it small."""
    return [part for setting in SMALL for part in ("--set", setting)]
