"""Makes a Prefect server offer the recipes and retrainings: ``python -m deployments.deploy [FILE]``.

They are those of ``deployments/recipes`` and ``schedules.yaml`` as they are now, or those of a file that
``python -m deployments.prefect_file`` wrote. It needs ``PREFECT_API_URL``, and ``PREFECT_API_AUTH_STRING`` where the
server asks for one. Run again it changes nothing. ``SAGA_NOTIFY_URL`` is the webhook that failures are told to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError

from deployments.automations import deploy_automations
from deployments.entries import deploy_entries
from deployments.notification import VARIABLE, check_url
from deployments.pools import deploy_pools
from deployments.prefect_file import entries, read
from saga_core.errors import SagaError, StageError, UserError
from saga_core.paths import path_of
from saga_core.telling import tell


def deploy(file: Path | None = None) -> Iterator[str]:
    """Make the server of ``PREFECT_API_URL`` have pools, queues, deployments and automations.

    Args:
        file: What names the deployments; None: those of the recipes and the schedules.

    Yields:
        What was changed, a line each.

    Raises:
        UserError: No server is named, it refuses the credentials, or a recipe, the file or the webhook's address is
            wrong.
        StageError: The server doesn't answer, or refuses an object.
    """
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        raise UserError("no server is named", "PREFECT_API_URL", "set it, or start one with make server")
    notify = os.environ.get(VARIABLE)
    wanted = read(file) if file else entries()
    if notify:
        check_url(notify)
    try:
        with get_client(sync_client=True) as client:
            yield from deploy_pools(client, wanted)
            yield from deploy_entries(client, wanted)
            yield from deploy_automations(client, notify)
    except PrefectHTTPStatusError as error:
        if error.response.status_code == httpx.codes.UNAUTHORIZED:
            raise UserError("the server refuses the credentials", url, "set PREFECT_API_AUTH_STRING") from error
        raise StageError(f"the server refuses: {error.response.text[:300]}", url) from error
    except httpx.TransportError as error:
        raise StageError(f"the server doesn't answer: {type(error).__name__}", url, "see whether it runs") from error


def main() -> int:
    """Deploy and print what was changed."""
    try:
        changes = 0
        for line in deploy(_file(sys.argv[1:])):
            print(line, flush=True)
            changes += 1
    except SagaError as error:
        tell(f"deployments: {error}")
        return error.exit_code
    print("deployed" if changes else "deployed; nothing had changed")
    return 0


def _file(arguments: Sequence[str]) -> Path | None:
    if len(arguments) > 1:
        raise UserError("one file at most", " ".join(arguments), "give none to deploy the recipes and the schedules")
    return path_of(arguments[0], "the file") if arguments else None


if __name__ == "__main__":
    sys.exit(main())
