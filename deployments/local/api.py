"""Prefect's server: API and user interface on loopback, for whoever has the password."""

from __future__ import annotations

import sys

import httpx

from deployments.local.environment import plain
from deployments.local.folder import Folder
from deployments.local.service import Service
from deployments.local.settings import Settings


def api(folder: Folder, settings: Settings) -> Service:
    """Return Prefect's server on the database."""
    host, port = "127.0.0.1", str(settings.api_port)
    environment = plain() | {
        "PREFECT_HOME": str(folder.path / "prefect"),
        "PREFECT_API_DATABASE_CONNECTION_URL": settings.database_url,
        "PREFECT_SERVER_API_AUTH_STRING": settings.auth_string,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        # Other sites' pages get no answer from it, whatever a browser has stored.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{host}:{port},http://localhost:{port}",
        "PREFECT_UI_API_URL": settings.api_url,
        # For the links in notifications.
        "PREFECT_UI_URL": settings.api_url.removesuffix("/api"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    return Service(
        name="api",
        command=(sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", port),
        environment=environment,
        ready=lambda: _ready(settings),
        # The first start makes the database's tables, which took 22 s on a busy machine.
        seconds=180,
        stop_family=True,
    )


def _ready(settings: Settings) -> bool:
    try:
        return httpx.get(f"{settings.api_url}/ready", timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
