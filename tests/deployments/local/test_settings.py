"""Ports and secrets: drawn once, kept from others, changed by the environment."""

import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from servers.ports import reserve

from deployments.local.folder import Folder
from deployments.local.settings import Settings, check_free, read_settings, settle
from saga_core.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    for name in ("SAGA_API_PORT", "SAGA_POSTGRES_PORT", "SAGA_S3_PORT"):
        monkeypatch.delenv(name, raising=False)
    made = Folder(tmp_path / "server")
    made.make()
    return made


def test_they_are_drawn_once(folder: Folder, tmp_path: Path) -> None:
    first = settle(folder)
    assert settle(folder) == first == read_settings(folder)
    assert first.api_port == 4200
    assert stat.S_IMODE(folder.settings.stat().st_mode) == 0o600
    other = Folder(tmp_path / "other")
    other.make()
    secrets = {"auth_string", "postgres_password", "s3_access_key", "s3_secret_key", "mark"}
    assert not secrets & {name for name in secrets if getattr(settle(other), name) == getattr(first, name)}


def test_secrets_are_not_shown(folder: Folder) -> None:
    settings = settle(folder)
    shown = repr(settings)
    for name in ("auth_string", "postgres_password", "s3_access_key", "s3_secret_key"):
        assert getattr(settings, name) not in shown


def test_a_port_of_the_environment_stays(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = settle(folder)
    monkeypatch.setenv("SAGA_API_PORT", "4299")
    assert settle(folder) == before.model_copy(update={"api_port": 4299})
    monkeypatch.delenv("SAGA_API_PORT")
    assert settle(folder).api_port == 4299


@pytest.mark.parametrize("port", ["80", "x", "-1", "65535", "²"])
def test_no_port(folder: Folder, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("SAGA_S3_PORT", port)
    with pytest.raises(UserError, match=f"SAGA_S3_PORT={port}: not a port"):
        settle(folder)


def test_a_taken_port_names_its_variable() -> None:
    first = reserve(4)
    with (
        socket.create_server(("127.0.0.1", first + 2)),
        pytest.raises(UserError, match=f"port {first + 2} is taken by another program; SAGA_S3_PORT=PORT"),
    ):
        check_free("s3_port", first, 4)


def test_a_spoilt_file_is_one_line(folder: Folder) -> None:
    settle(folder)
    folder.settings.write_text(folder.settings.read_text().replace("4200", '"x"'))
    with pytest.raises(UserError, match=r"settings\.json: api_port: .*; put it right"):
        read_settings(folder)
    folder.settings.write_text("{")
    with pytest.raises(UserError, match=r"settings\.json"):
        read_settings(folder)


def test_nobody_looks_into_the_folder(folder: Folder) -> None:
    for path in (folder.path, folder.logs, folder.records):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o066, path


def test_one_start_at_a_time(folder: Folder) -> None:
    done: list[str] = []

    def second() -> None:
        with folder.locked():
            done.append("second")

    with folder.locked():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        done.append("first")
    thread.join(10)
    assert done == ["first", "second"]


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["begin"], 2, "server: python -m deployments.local: no such command; it takes start, stop or status"),
        (["stop"], 0, ""),
        (["status"], 1, ""),
    ],
)
def test_the_command_without_a_server(tmp_path: Path, arguments: list[str], code: int, line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deployments.local", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[3],
        env={"SAGA_SERVER_DIR": str(tmp_path / "none"), "PATH": ""},
    )
    assert (done.returncode, done.stderr.strip()) == (code, line)
    assert not (tmp_path / "none").exists()


def test_missing_programs_are_one_line_with_the_packages(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deployments.local", "start"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[3],
        env={"SAGA_SERVER_DIR": str(tmp_path / "none"), "PATH": "", "PREFECT_HOME": str(tmp_path)},
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        "server: make server: programs are missing; apt-get install --no-install-recommends ceph"
    )
    assert done.stderr.count("\n") == 1


def test_what_a_client_needs() -> None:
    settings = Settings(api_port=4200, postgres_port=5000, s3_port=6000)
    environment = settings.client_environment()
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert settings.postgres_password not in str(environment)
