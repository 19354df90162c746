"""A wrong parameter is refused with the field named: by the server where the form can tell, else as the run starts."""

import logging
import os
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import PrefectHTTPStatusError

from tests.deployments.server import Server, wait

pytestmark = pytest.mark.slow


def start(parameters: dict[str, Any]) -> FlowRun:
    run = run_deployment("align/demo", parameters=parameters, timeout=0)
    assert isinstance(run, FlowRun)
    return run


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"choices": {"tau": 1.5}}, "choices.tau"),
        ({"choices": {"sft_mode": "sometimes"}}, "choices.sft_mode"),
        ({"choices": {"language": "xx"}}, "choices.language"),
        ({"choices": {"base_model": ""}}, "choices.base_model"),
        ({"choices": {"thau": 0.5}}, "thau"),
        ({"until": "nowhere"}, "until"),
        ({"refresh": ["nowhere"]}, "refresh"),
        ({"overrides": "sft.tau=1"}, "overrides"),
        ({"tau": 0.5}, "tau"),
    ],
)
def test_no_run_is_made_of_what_the_form_would_refuse(
    client: SyncPrefectClient, parameters: dict[str, Any], field: str
) -> None:
    before = len(client.read_flow_runs())
    with pytest.raises(PrefectHTTPStatusError) as refused:
        start(parameters)
    assert f"'{field}" in refused.value.response.json()["detail"]
    assert len(client.read_flow_runs()) == before


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"overrides": ["sft.taw=0.5"]}, "overrides: sft.taw=0.5: unknown setting sft.taw; did you mean sft.tau?"),
        ({"overrides": ["sft.tau=1.5"]}, "overrides: sft.tau=1.5: input should be less than or equal to 1, not 1.5"),
        ({"overrides": ["dpo.beta"]}, "overrides: dpo.beta: not of the form key=value"),
        ({"overrides": ["language=xx"]}, "language: unknown language 'xx'; known: "),
        ({"overrides": ["corpus.sources.0.path=/etc/passwd"]}, "corpus.sources.path: /etc/passwd is outside"),
        ({"overrides": ["model.trust_remote_code=true"]}, "unknown setting model.trust_remote_code"),
        ({"choices": {"base_model": "/etc"}}, "model.id: /etc is outside the folders that a parameter may name"),
        ({"store": "/etc/store"}, "store: /etc/store is outside the folders that a parameter may name"),
        ({"recipe": "nb-tiny"}, "recipe: this deployment runs demo, not nb-tiny; start the deployment nb-tiny"),
        ({"recipe": "/etc/passwd"}, "recipe: this deployment runs demo, not /etc/passwd; leave it at demo"),
    ],
)
def test_a_run_ends_within_a_second_and_names_the_field(
    server: Server, client: SyncPrefectClient, parameters: dict[str, Any], message: str
) -> None:
    run = start(parameters).id
    wait(lambda: (state := client.read_flow_run(run).state) is not None and state.is_final(), 120)
    *_, running, ended = client.read_flow_run_states(run)
    assert (running.name, ended.name) == ("Running", "Invalid input")
    assert message in (ended.message or "")
    # A second of a machine that has a core for it: with more to do than cores, all takes as much longer.
    crowded = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert (ended.timestamp - running.timestamp).total_seconds() < crowded
    # The process sends the rest of its log before it exits.
    wait(lambda: not server.runs_of("saga-cpu-1"), 30)
    lines = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])))
    assert any(line.message.startswith("Finished in state Invalid input") for line in lines)
    assert not [line.message for line in lines if line.level > logging.INFO]
