"""Ports and secrets of a server: drawn once, kept in its folder."""

from __future__ import annotations

import os
import random
import secrets
import socket
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deployments.local.folder import Folder, write_secret
from saga_core.errors import UserError

# The gateway's port, and those of the daemons behind it.
S3_PORTS = 43
BUCKET = "saga"
REGION = "us-east-1"

_VARIABLES = {"api_port": "SAGA_API_PORT", "postgres_port": "SAGA_POSTGRES_PORT", "s3_port": "SAGA_S3_PORT"}
_Port = Field(ge=1024, le=65_535 - S3_PORTS)


class Settings(BaseModel):
    """What the processes of a server have to agree on.

    Attributes:
        mark: In the environment of each process that was started, and of its children.
        api_port: Of the API and the user interface.
        postgres_port: Of the database.
        s3_port: Of the S3 gateway; the ports up to 42 above are its daemons'.
        auth_string: ``USER:PASSWORD`` of the API.
        postgres_password: Of the database's user.
        s3_access_key: Who may use the store.
        s3_secret_key: Their secret.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mark: str = Field(default_factory=lambda: secrets.token_hex(16))
    api_port: int = _Port
    postgres_port: int = _Port
    s3_port: int = _Port
    auth_string: str = Field(default_factory=lambda: f"saga:{secrets.token_urlsafe(24)}", repr=False)
    postgres_password: str = Field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    s3_access_key: str = Field(default_factory=lambda: secrets.token_hex(10).upper(), repr=False)
    s3_secret_key: str = Field(default_factory=lambda: secrets.token_urlsafe(30), repr=False)

    @property
    def api_url(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self.api_port}/api"

    @property
    def s3_url(self) -> str:
        """Address of the store's gateway."""
        return f"http://127.0.0.1:{self.s3_port}"

    @property
    def database_url(self) -> str:
        """Address of the database, with its password."""
        return f"postgresql+asyncpg://prefect:{self.postgres_password}@127.0.0.1:{self.postgres_port}/postgres"

    def client_environment(self) -> dict[str, str]:
        """Return what leads a client to API and store."""
        return {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_API_AUTH_STRING": self.auth_string,
            "SAGA_STORE": f"s3://{BUCKET}",
            "AWS_ENDPOINT_URL": self.s3_url,
            "AWS_ACCESS_KEY_ID": self.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3_secret_key,
            "AWS_DEFAULT_REGION": REGION,
        }


def read_settings(folder: Folder) -> Settings | None:
    """Return the settings that a start has drawn, None before the first.

    Raises:
        UserError: The file was changed into what it can't be.
    """
    try:
        return Settings.model_validate_json(folder.settings.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{folder.settings}: {'.'.join(str(part) for part in first['loc'])}"
        raise UserError(first["msg"], where, "put it right") from error


def settle(folder: Folder) -> Settings:
    """Return the settings, drawn if this is the first start, with the ports that the environment asks for.

    Raises:
        UserError: A port variable holds no port.
    """
    asked = dict(_asked())
    before = read_settings(folder)
    if before is None:
        settings = Settings(**{"api_port": 4200, "postgres_port": _free(1), "s3_port": _free(S3_PORTS)} | asked)
    else:
        settings = before.model_copy(update=asked)
    if settings != before:
        write_secret(folder.settings, settings.model_dump_json(indent=1))
    return settings


def _asked() -> Iterator[tuple[str, int]]:
    for field, variable in _VARIABLES.items():
        text = os.environ.get(variable, "")
        if not text:
            continue
        if not (text.isascii() and text.isdecimal() and 1024 <= int(text) <= 65_535 - S3_PORTS):
            raise UserError("not a port", f"{variable}={text}", f"give a number from 1024 to {65_535 - S3_PORTS}")
        yield field, int(text)


def check_free(field: str, port: int, count: int = 1) -> None:
    """Make sure that nobody listens on a service's ports.

    Raises:
        UserError: Somebody does; names the port and the variable that changes it.
    """
    for each in range(port, port + count):
        if not unused(each):
            variable = _VARIABLES[field]
            raise UserError(f"port {each} is taken by another program", variable, f"{variable}=PORT names another")


def _free(count: int) -> int:
    # Below the ports that the kernel gives to outgoing connections.
    while True:
        first = random.randrange(10_000, 19_900)
        if all(unused(port) for port in range(first, first + count)):
            return first


def unused(port: int) -> bool:
    """Say whether nobody listens on a port of loopback."""
    with socket.socket() as probe:
        # As the servers do: what a connection just left behind is no listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
