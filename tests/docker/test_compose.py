"""The compose file: valid, closed to the outside, without a password that somebody could know."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from servers.s3_endpoint import unavailable

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docker"
TEXT = (FOLDER / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRETS = ["SAGA_API_AUTH", "SAGA_POSTGRES_PASSWORD", "SAGA_S3_ACCESS_KEY", "SAGA_S3_SECRET_KEY"]


@pytest.fixture
def command() -> list[str]:
    found = shutil.which("docker-compose")
    if not found:
        unavailable("docker-compose is not installed")
    return [found, "-f", "compose.yaml", "config"]


def _environment(**values: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SAGA_", "COMPOSE_"))} | values


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docker"
    folder.mkdir()
    for name in ("compose.yaml", "example.env", "make-env.sh"):
        shutil.copy(FOLDER / name, folder)
    return folder


def test_compose_accepts_it(command: list[str], tmp_path: Path) -> None:
    environment = _environment(**dict.fromkeys(SECRETS, "x"))
    done = subprocess.run(
        [*command, "-q"], cwd=_folder(tmp_path), env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", SECRETS)
def test_a_missing_secret_is_named(command: list[str], tmp_path: Path, missing: str) -> None:
    secrets = dict.fromkeys(SECRETS, "x") | {missing: ""}
    done = subprocess.run(
        [*command, "-q"], cwd=_folder(tmp_path), env=_environment(**secrets), capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "docker/make-env.sh" in done.stderr
    assert missing in done.stderr


def test_new_secrets_are_random_private_and_kept(command: list[str], tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (tmp_path / "other").mkdir()
    other = _folder(tmp_path / "other")
    for each in (folder, other):
        subprocess.run([each / "make-env.sh"], check=True, capture_output=True)
    made = (folder / ".env").read_text()
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    values = [
        re.search(rf"^{name}=(.+)$", text, re.MULTILINE)
        for name in SECRETS
        for text in (made, (other / ".env").read_text())
    ]
    assert len({match[1] for match in values if match}) == len(values)
    assert min(len(match[1]) for match in values if match) >= 48

    again = subprocess.run([folder / "make-env.sh"], capture_output=True, text=True)
    assert again.returncode == 2
    assert (folder / ".env").read_text() == made

    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    user, _, password = read["server"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"].partition(":")
    assert user == "saga"
    assert len(password) == 48


def test_the_example_has_every_secret_and_no_value() -> None:
    lines = (FOLDER / "example.env").read_text().splitlines()
    assert [line for line in lines if line.split("=")[0] in SECRETS] == [f"{name}=" for name in SECRETS]


def test_every_secret_must_be_set() -> None:
    wrong = [
        f"{name}: {key}"
        for name, service in SERVICES.items()
        for key, value in service.get("environment", {}).items()
        if re.search("PASSWORD|SECRET|ACCESS_KEY|AUTH_STRING|TOKEN$", key)
        # The Hub's login is optional, and comes from the environment or not at all.
        and key != "HF_TOKEN"
        and not re.fullmatch(r"\$\{SAGA_\w+:\?[^}]+\}", str(value))
    ]
    assert wrong == []
    assert all(
        service["environment"]["HF_TOKEN"] is None
        for service in SERVICES.values()
        if "HF_TOKEN" in service.get("environment", {})
    )
    assert set(re.findall(r"\$\{(SAGA_\w+):\?", TEXT)) == set(SECRETS)


def test_only_the_server_is_published_and_on_loopback() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(ports) == ["server"]
    assert all(port.startswith("127.0.0.1:") for port in ports["server"])
    assert not [name for name, service in SERVICES.items() if service.get("network_mode") or service.get("privileged")]


def test_the_database_is_the_servers_alone() -> None:
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "database" in service["networks"]} == {"postgres", "server"}


def test_the_api_asks_for_credentials_and_csrf_tokens() -> None:
    environment = SERVICES["server"]["environment"]
    assert environment["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] == "true"
    for name in ("deploy", "worker-cpu", "worker-gpu"):
        assert SERVICES[name]["environment"]["PREFECT_API_AUTH_STRING"] == environment["PREFECT_SERVER_API_AUTH_STRING"]


@pytest.mark.parametrize("name", SERVICES)
def test_services_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("user", "saga") not in ("root", "0", 0)


def test_images_of_others_have_a_version_and_are_watched() -> None:
    others = {name: service for name, service in SERVICES.items() if "build" not in service}
    assert set(others) == {"postgres", "s3"}
    for service in others.values():
        assert re.search(r":\d+\.\d+", service["image"])
        assert service["healthcheck"]["test"][0] == "CMD"
        # Theirs start as root, ours do not.
        assert service["user"]


def test_images_of_ours_are_built_from_files_that_exist() -> None:
    for service in SERVICES.values():
        if "build" in service:
            assert (FOLDER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_workers_wait_for_the_bucket_and_the_deployments() -> None:
    for name in ("worker-cpu", "worker-gpu"):
        waits = {other: how["condition"] for other, how in SERVICES[name]["depends_on"].items()}
        assert waits == dict.fromkeys(("deploy", "bucket"), "service_completed_successfully")
    assert SERVICES["server"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_one_gpu_is_reserved_for_its_worker() -> None:
    devices = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
