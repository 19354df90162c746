"""Where failures are told: a webhook, kept on the server as an encrypted block."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound

from saga_core.errors import UserError

BLOCK = "saga-notify"
VARIABLE = "SAGA_NOTIFY_URL"


def check_url(url: str) -> str:
    """Return the URL.

    Raises:
        UserError: No HTTP address. The error doesn't repeat it: it may hold a secret.
    """
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    if not fine:
        raise UserError("not an http or https address", VARIABLE, "give the webhook's URL, or unset it")
    return url


def notification_block(client: SyncPrefectClient, url: str) -> tuple[UUID, bool]:
    """Keep the URL on the server.

    Returns:
        The block's id, and whether anything was changed.
    """
    wanted = {"url": url, "headers": {"Content-Type": "application/json"}}
    try:
        there = client.read_block_document_by_name(BLOCK, Webhook.get_block_type_slug(), include_secrets=True)
        if all(there.data.get(key) == value for key, value in wanted.items()):
            return there.id, False
    except ObjectNotFound:
        pass
    kept = Webhook.model_validate(wanted).save(BLOCK, overwrite=True)
    # Prefect gives a promise of it where an event loop runs.
    assert isinstance(kept, UUID)
    return kept, True
