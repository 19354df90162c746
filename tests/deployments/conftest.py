"""A server that the slow tests of a file share."""

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from servers.s3_endpoint import unavailable

from deployments.local import requirements
from saga_core.errors import UserError
from tests.deployments.server import Server, temporary_server


@pytest.fixture(scope="module")
def stopped_server() -> Iterator[Server]:
    """A server that was never started; whatever is started of it ends with the tests."""
    try:
        requirements.check()
    except UserError as error:
        unavailable(str(error))
    with temporary_server() as server:
        yield server


@pytest.fixture(scope="module")
def server(stopped_server: Server) -> Server:
    """The server, started."""
    done = stopped_server.command("start", SAGA_ALLOW_CPU="1")
    assert done.returncode == 0, done.stdout + done.stderr
    return stopped_server


@pytest.fixture
def client(server: Server) -> Iterator[SyncPrefectClient]:
    """A client of its API; Prefect's own functions talk to it too."""
    settings = {PREFECT_API_URL: server.settings.api_url, PREFECT_API_AUTH_STRING: server.settings.auth_string}
    with temporary_settings(settings), get_client(sync_client=True) as client:
        yield client
