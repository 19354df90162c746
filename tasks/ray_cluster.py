"""The Ray cluster that this machine names in ``SAGA_RAY``: whether there is one, the way to it, and its room."""

from __future__ import annotations

import logging
import os
import re
import secrets
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from prefect.settings import get_current_settings

from saga_core.errors import StageError, UserError

if TYPE_CHECKING:
    from tasks.ray_runner import TellingRayRunner

RAY = "SAGA_RAY"

# References travel, never data; Ray's default is a third of the memory.
_OBJECT_STORE_BYTES = 80 * 2**20
_REMEDY = "start it, or correct or unset this, and run again"


def uses_ray() -> bool:
    """Say whether this machine has rows made on Ray, as ``SAGA_RAY`` says; default: no.

    Raises:
        UserError: ``SAGA_RAY`` names no cluster, Ray is not installed, or its workers could not report to a server.
    """
    place = os.environ.get(RAY)
    if not place:
        return False
    if place not in ("local", "auto") and not re.fullmatch(r"ray://\S+:\d+", place):
        raise UserError(f"{place!r} is neither local, auto nor ray://HOST:PORT", RAY, "correct or unset it")
    if find_spec("prefect_ray") is None:
        raise UserError("Ray is not installed here", RAY, "pip install 'saga[ray]', or unset it")
    if place != "local" and not get_current_settings().api.url:
        what = "other machines cannot reach the temporary server of a run"
        raise UserError(what, "PREFECT_API_URL", f"set it, or {RAY}=local")
    return True


@contextmanager
def connected() -> Iterator[TellingRayRunner]:
    """Connect to the cluster, or start one in this machine where ``SAGA_RAY`` is ``local``; it ends with this block.

    Yields:
        Prefect's task runner for it.

    Raises:
        StageError: It does not answer.
    """
    # Ray tells its makers of each start, unless told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    place = os.environ[RAY]
    options: dict[str, Any] = {"log_to_driver": False}
    if place == "local":
        options |= {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
        # It listens on every address, and runs what it is sent.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    if place == "auto":
        # As the runner's own address it would mean: start one where there is none.
        options["address"] = place
    import ray

    from tasks.ray_runner import TellingRayRunner

    logging.getLogger("ray").setLevel(logging.ERROR)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with ExitStack() as stack:
            stack.callback(ray.shutdown)
            runner = TellingRayRunner(None if place == "auto" else place, options | {"logging_level": logging.ERROR})
            try:
                stack.enter_context(runner)
            except Exception as error:
                # Another version, a head that is away, a machine too busy to start one: Ray's errors have no root.
                raise StageError(f"no Ray cluster answers: {error}", RAY, _REMEDY) from error
            if threading.current_thread() is threading.main_thread():
                # Ray's own would end this process without a word.
                signal.signal(signal.SIGTERM, handler)
            yield runner
    except ConnectionError as error:
        raise StageError(f"the Ray cluster does not answer any more: {error}", RAY, _REMEDY) from error


def needs_of(nodes: Sequence[Mapping[str, Any]], gpu: bool, threads: int) -> dict[str, int]:
    """Return what a worker asks Ray for, by the names that Ray's nodes tell of their resources.

    Args:
        nodes: What ``ray.nodes()`` returns.
        gpu: Whether it computes on a GPU, where the cluster has one.
        threads: Threads that it computes with.
    """
    has_gpu = any(node["Resources"].get("GPU", 0) >= 1 for node in nodes if node["Alive"])
    return {"CPU": threads} | ({"GPU": 1} if gpu and has_gpu else {})


def places(nodes: Sequence[Mapping[str, Any]], needs: Mapping[str, int]) -> int:
    """Return how many workers with such needs a cluster can hold at once.

    Args:
        nodes: What ``ray.nodes()`` returns.
        needs: What each asks for.

    Raises:
        UserError: None, so that Ray would wait for ever.
    """
    found = sum(
        min(int(node["Resources"].get(name, 0) // amount) for name, amount in needs.items())
        for node in nodes
        if node["Alive"]
    )
    if not found:
        wanted = " and ".join(f"{amount} {name}" for name, amount in needs.items())
        raise UserError(f"no node of the Ray cluster has {wanted}", RAY, "add one, or lower runtime.threads")
    return found
