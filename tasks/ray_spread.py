"""Rows that are made on Ray: missing shards are dealt out as Prefect tasks; names and references travel, no data."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from saga_core.artifacts.record import Reference
from saga_core.artifacts.shards import Shards, Spread
from saga_core.errors import SagaError
from tasks.asking import confinement
from tasks.order import Order, carry_out, order_for, share_out
from tasks.ray_cluster import connected, needs_of, places
from tasks.session import Lookup, Outcome, Session
from tasks.stage import Stage
from tasks.states import failure_of, refusal_of, state_of, state_of_failure

if TYPE_CHECKING:
    from prefect_ray.task_runners import PrefectRayFuture

    from tasks.ray_runner import TellingRayRunner

# What the machine that asks has set for the store, the hub and the libraries; Prefect hands on its own settings.
_HANDED_ON = ("SAGA_", "AWS_", "HF_", "TOKENIZERS_", "OMP_", "DO_NOT_TRACK")
_POLL_SECONDS = 1.0
_COUNT_SECONDS = 5.0
_END_SECONDS = 5.0


@dataclass(frozen=True)
class Variables:
    """Environment variables for a worker; it is never shown, for some of them are secret.

    Attributes:
        values: By name.
    """

    values: Mapping[str, str] = field(repr=False)


def compute_on_ray(stage: Stage, session: Session, lookup: Lookup, inputs: Mapping[str, Reference]) -> Outcome:
    """Have the rows of a stage made on Ray, and the stage with them here.

    Args:
        stage: A stage that has rows.
        session: The run's recipe, outside inputs and store.
        lookup: What the store said of the stage.
        inputs: References of its inputs.

    Returns:
        What became of the stage.

    Raises:
        SagaError: It failed, here or there.
    """
    order = order_for(stage, session, lookup, dict(inputs))
    threads = session.recipe.runtime.threads or 1
    return session.compute(stage, lookup, inputs, lambda lease: _spread(stage, order, threads, lease))


def _spread(stage: Stage, order: Order, threads: int, lease: int | None) -> Spread:
    def spread(shards: Shards[Any]) -> None:
        with connected() as runner:
            import ray

            needs = needs_of(ray.nodes(), stage.pool == "gpu", threads)
            shares = share_out(shards.missing(), places(ray.nodes(), needs))
            with _Dealt(runner, needs, order.inputs) as dealt:
                for number, share in enumerate(shares, 1):
                    part = order.model_copy(update={"shards": tuple(share), "lease": lease})
                    dealt.deal(part, f"{stage.name} {number} of {len(shares)}")
                counted = time.monotonic()
                while dealt.unfinished():
                    dealt.wait()
                    if time.monotonic() - counted > _COUNT_SECONDS:
                        counted = time.monotonic()
                        shards.missing()
            shards.missing()

    return spread


@task(persist_result=False, cache_policy=NO_CACHE)
def make_shards(order: Order, variables: Variables) -> State[Outcome]:
    """Make the shards that an order names, in a worker process of Ray.

    Args:
        order: The shards, and where their inputs are.
        variables: The environment that the work needs; nothing that reads it has been imported yet.

    Returns:
        A state that is named for what became of them.
    """
    import ray

    os.environ.update(variables.values)
    try:
        outcome = carry_out(order, confinement())
    except BaseException as error:
        # An open store hangs on it, which is for this process alone.
        error.__dict__.pop("partial", None)
        if isinstance(error, SagaError):
            return state_of_failure(error)
        raise
    node = ray.get_runtime_context().get_node_id()
    get_run_logger().info("%s: %s, by process %d of Ray's node %s", order.stage, outcome.why, os.getpid(), node)
    return state_of(outcome)


class _Dealt:
    """The tasks that one stage has dealt out on Ray; those that have not ended when the stage does are ended.

    Args:
        runner: Prefect's task runner, connected.
        needs: What each task asks Ray for.
        inputs: Names of the stage's inputs.
    """

    def __init__(self, runner: TellingRayRunner, needs: Mapping[str, int], inputs: Iterable[str]) -> None:
        self._runner, self._inputs = runner, tuple(inputs)
        self._options = {f"num_{name.lower()}s": amount for name, amount in needs.items()}
        # Ray would begin the task again, which Prefect has counted as running.
        self._options["max_retries"] = 0
        names = [name for name in os.environ if name.startswith(_HANDED_ON)]
        threads = {"OMP_NUM_THREADS": str(needs["CPU"])}
        self._variables = Variables({name: os.environ[name] for name in names} | threads)
        # By Ray's reference: the task's name, and its future.
        self._tasks: dict[Any, tuple[str, PrefectRayFuture[Any]]] = {}

    def __enter__(self) -> _Dealt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import ray

        # First so that it can tell the server how it ended, then at any price.
        for force in (False, True):
            for reference in self._tasks:
                ray.cancel(reference, force=force)
            self._take(_END_SECONDS)

    def deal(self, order: Order, name: str) -> None:
        """Submit a task.

        Args:
            order: The shards that it makes.
            name: Its name, for people.
        """
        from prefect_ray.context import remote_options

        waiting = TaskRunContext.get()
        assert waiting is not None
        named = make_shards.with_options(name=name, task_run_name=name)
        # The context travels too: without the parameters of the task that waits, for they hold the open store.
        with _server(), waiting.model_copy(update={"parameters": {}}), remote_options(**self._options):
            parameters = {"order": order, "variables": self._variables}
            future = cast("PrefectRayFuture[Any]", self._runner.submit(named, parameters))
        self._tasks[future.wrapped_future] = name, future

    def unfinished(self) -> bool:
        """Say whether there are tasks of which it is not known that they have ended."""
        return bool(self._tasks)

    def wait(self) -> None:
        """Wait a moment, and look what became of the tasks.

        Raises:
            UserError: One of them found a mistake in the input.
            DamagedInputError: One of them found an input damaged.
            StageError: One of them failed, or its worker died.
        """
        for name, future in self._take(_POLL_SECONDS):
            future.wait()
            state = future.state
            if error := refusal_of(state, self._inputs) or failure_of(state, name):
                raise error

    def _take(self, seconds: float) -> list[tuple[str, PrefectRayFuture[Any]]]:
        """Take out the tasks that have ended, after waiting so long for all of them to end."""
        import ray

        if not self._tasks:
            return []
        try:
            ended, _ = ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=seconds, fetch_local=False)
        except SystemError as error:
            # What Ray's compiled code makes of an interruption.
            raise error.__cause__ or error from None
        return [self._tasks.pop(reference) for reference in ended]


def _server() -> AbstractContextManager[Any]:
    """Let what is submitted report to this run's server, also where that is a temporary one of this process."""
    if get_current_settings().api.url:
        return nullcontext()
    from prefect.server.api.server import SubprocessASGIServer

    return temporary_settings({PREFECT_API_URL: SubprocessASGIServer().api_url})
