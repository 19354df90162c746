"""One stage, or some shards of one, for a run that another worker runs: what the deployments ``saga-stage/…`` do."""

from __future__ import annotations

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from saga_core.errors import SagaError
from tasks.asking import check_device, confinement
from tasks.order import Order, carry_out
from tasks.progress_artifact import posting
from tasks.session import Outcome
from tasks.states import state_of, state_of_failure


@flow(name="saga-stage", persist_result=False)
def stage(order: Order) -> State[Outcome]:
    """Do what another worker asks for; the artifact comes to the store, and this run's state says what became of it.

    Args:
        order: The stage, or shards of it, and where its inputs are.

    Returns:
        A state that is named for what became of the stage.
    """
    # The progress of a whole stage belongs on the page of who waits for it; of shards it counts those that are there.
    whole = order.task_run is not None and not order.shards
    page = (str(order.task_run), str(order.flow_run)) if whole else (None, flow_run.id)
    try:
        check_device(order.stage)
        with posting(*page):
            outcome = carry_out(order, confinement())
    except SagaError as error:
        return state_of_failure(error)
    get_run_logger().info("%s: %s (%s)", order.stage, outcome.state, outcome.why)
    return state_of(outcome)
