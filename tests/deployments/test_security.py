"""Whatever listens refuses who has no password, and listens to nobody on another machine."""

import asyncio
import subprocess
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
import s3fs
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from deployments.local.settings import BUCKET
from tests.deployments.server import SERVICES, Server

pytestmark = pytest.mark.slow

ENDPOINTS = [
    ("GET", "/admin/settings"),
    ("GET", "/admin/version"),
    ("GET", "/version"),
    ("GET", "/csrf-token?client=x"),
    ("POST", "/flow_runs/filter"),
    ("POST", "/deployments/filter"),
    ("POST", "/work_pools/filter"),
    ("POST", "/block_documents/filter"),
    ("POST", "/automations/filter"),
    ("POST", "/artifacts/filter"),
    ("POST", "/events"),
    ("POST", "/logs/filter"),
    ("POST", "/ui/flow_runs/history"),
    ("POST", "/deployments/name/align/demo"),
    ("GET", "/work_pools/saga-gpu"),
    ("POST", "/deployments/"),
    ("DELETE", "/deployments/00000000-0000-0000-0000-000000000000"),
]


@pytest.mark.parametrize("credentials", [None, ("saga", "wrong"), ("", "")])
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_the_api_refuses(server: Server, method: str, path: str, credentials: tuple[str, str] | None) -> None:
    url = f"{server.settings.api_url}{path}"
    # Without this a request that changes something is refused already (403), whoever sends it.
    headers = csrf_headers(server)
    refused = httpx.request(method, url, auth=credentials, json={}, headers=headers)
    assert refused.status_code == httpx.codes.UNAUTHORIZED


def csrf_headers(server: Server) -> dict[str, str]:
    user, password = server.settings.auth_string.split(":")
    url = f"{server.settings.api_url}/csrf-token"
    token = httpx.get(url, params={"client": "me"}, auth=(user, password)).json()["token"]
    return {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "me"}


def test_the_api_lets_in_who_has_the_password_and_a_csrf_token(server: Server) -> None:
    user, password = server.settings.auth_string.split(":")
    api = httpx.Client(base_url=server.settings.api_url, auth=(user, password))
    assert api.get("/version").status_code == httpx.codes.OK
    # As another site's page would have the person's browser do.
    assert api.post("/flow_runs/filter", json={}).status_code == httpx.codes.FORBIDDEN
    assert api.post("/flow_runs/filter", json={}, headers=csrf_headers(server)).status_code == httpx.codes.OK


def test_another_sites_page_gets_no_answer(server: Server) -> None:
    answer = httpx.options(
        f"{server.settings.api_url}/version",
        headers={"Origin": "https://example.org", "Access-Control-Request-Method": "GET"},
    )
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out", "/task_runs/subscriptions/scheduled"])
@pytest.mark.parametrize("token", [None, "saga:wrong"])
def test_the_websockets_refuse(server: Server, path: str, token: str | None) -> None:
    url = f"{server.settings.api_url.replace('http', 'ws', 1)}{path}"
    with pytest.raises(InvalidStatus, match="403"):
        connect(url)
    with connect(url, subprotocols=[Subprotocol("prefect")]) as socket:
        socket.send(f'{{"type": "auth", "token": {"null" if token is None else f"{chr(34)}{token}{chr(34)}"}}}')
        with pytest.raises(ConnectionClosedError) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1008


def test_the_user_interface_asks_for_the_password_and_holds_nothing(server: Server) -> None:
    page = httpx.get(f"{server.settings.api_url.removesuffix('/api')}/ui-settings", follow_redirects=True)
    assert page.json()["auth"] == "BASIC"
    assert page.json()["csrf_enabled"]
    assert page.json()["api_url"] == server.settings.api_url
    assert server.settings.auth_string not in page.text


@pytest.mark.parametrize("password", [None, "wrong"])
@pytest.mark.parametrize("user", ["prefect", "postgres"])
def test_the_database_refuses(server: Server, user: str, password: str | None) -> None:
    port = server.settings.postgres_port
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
        asyncio.run(asyncpg.connect(host="127.0.0.1", port=port, user=user, password=password, database="postgres"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/{BUCKET}"),
        ("GET", f"/{BUCKET}/x"),
        ("PUT", f"/{BUCKET}/x"),
        ("DELETE", f"/{BUCKET}"),
        ("PUT", "/new"),
    ],
)
def test_the_store_refuses(server: Server, method: str, path: str) -> None:
    assert httpx.request(method, f"{server.settings.s3_url}{path}").status_code == httpx.codes.FORBIDDEN


def test_the_store_refuses_a_wrong_secret_and_takes_the_right_one(server: Server) -> None:
    environment = server.environment_of_client()
    given = {"endpoint_url": environment["AWS_ENDPOINT_URL"], "key": environment["AWS_ACCESS_KEY_ID"]}
    right = s3fs.S3FileSystem(**given, secret=environment["AWS_SECRET_ACCESS_KEY"])
    right.pipe_file(f"{BUCKET}/test", b"kept")
    assert right.cat_file(f"{BUCKET}/test") == b"kept"
    with pytest.raises(PermissionError):
        s3fs.S3FileSystem(**given, secret="wrong").cat_file(f"{BUCKET}/test")


def test_the_daemons_behind_the_store_refuse(server: Server) -> None:
    ceph = [
        "ceph",
        "--conf",
        "/dev/null",
        "-m",
        f"v1:127.0.0.1:{server.settings.s3_port + 1}",
        "--connect-timeout",
        "5",
    ]
    assert subprocess.run([*ceph, "status"], capture_output=True, check=False).returncode != 0


def test_all_of_it_listens_on_this_machine_alone(server: Server) -> None:
    ours = {process.pid for process in server.processes()}
    listening = [c for c in psutil.net_connections("inet") if c.status == psutil.CONN_LISTEN and c.pid in ours]
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}
    ports = {c.laddr.port for c in listening}
    assert {server.settings.api_port, server.settings.postgres_port, server.settings.s3_port} <= ports


def test_no_secret_is_in_arguments_logs_or_open_files(server: Server) -> None:
    settings = server.settings
    secrets = [settings.auth_string, settings.postgres_password, settings.s3_secret_key]
    assert set(server.pids()) == SERVICES
    for process in psutil.process_iter(["cmdline"]):
        assert not [secret for secret in secrets if secret in " ".join(process.info["cmdline"] or ())]
    for path in server.folder.path.rglob("*"):
        if path.is_file() and (path.suffix == ".log" or path.stat().st_mode & 0o044):
            assert not [secret for secret in secrets if secret.encode() in path.read_bytes()], path


def test_a_run_chooses_no_command_and_no_environment(server: Server, client: SyncPrefectClient, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    jobs = {"command": f"touch {mark}", "env": {"SAGA_ALLOWED_ROOTS": "/"}, "working_dir": str(tmp_path)}
    settings = {"overrides": ["model.id=/etc"]}
    run = run_deployment("align/demo", parameters=settings, job_variables=jobs, timeout=180)
    assert isinstance(run, FlowRun)
    assert run.state is not None
    # It began as always, under the worker's own environment.
    assert (run.state.name, mark.exists()) == ("Invalid input", False)
    assert "model.id: /etc is outside the folders that a parameter may name" in (run.state.message or "")
