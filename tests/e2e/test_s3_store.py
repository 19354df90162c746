"""The command on a real S3 server: a run, the same again at small cost, damage, an outage, a second writer."""

import json
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_command import ROOT, Done, Saga, command, environment
from servers.ceph import Ceph
from servers.exchanges import Exchange
from servers.faults import Fault
from servers.fixtures import lead_to
from servers.proxy import FaultProxy

pytestmark = pytest.mark.slow

_REQUESTS = 40


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def proxy(ceph: Ceph, patch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    ceph.make_bucket("e2e-store")
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    with FaultProxy(ceph) as proxy:
        lead_to(proxy, patch)
        yield proxy
    ceph.remove_bucket("e2e-store")


@pytest.fixture(scope="module")
def store(proxy: FaultProxy) -> str:
    return "s3://e2e-store/artifacts"


@pytest.fixture(scope="module")
def first(saga: Saga, small: list[str], store: str) -> Done:
    done = saga("run", "demo", *small, "--store", store, "--json")
    assert done.code == 0, done.err
    return done


def damage(proxy: FaultProxy, uri: str) -> None:
    """Change one byte in the middle of an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    data = bytearray(proxy.client().get_object(Bucket=bucket, Key=key)["Body"].read())
    data[len(data) // 2] ^= 1
    # A listing tells times in seconds on some servers.
    time.sleep(1.1)
    proxy.client().put_object(Bucket=bucket, Key=key, Body=bytes(data))


def test_the_same_run_again_costs_few_requests(
    saga: Saga, small: list[str], store: str, first: Done, proxy: FaultProxy
) -> None:
    before, seconds = len(proxy.log), []
    again = saga("run", "demo", *small, "--store", store, "--json")
    requests = proxy.log[before:]
    assert set(again.states.values()) == {"cached"}
    assert again.report["metrics"] == first.report["metrics"]
    for _ in range(3):
        start = time.monotonic()
        saga("run", "demo", *small, "--store", store)
        seconds.append(time.monotonic() - start)
    start = time.monotonic()
    saga("recipes")
    print(f"\nno-op on S3: {len(requests)} requests, {min(seconds):.2f} s; start-up {time.monotonic() - start:.2f} s")
    assert len(requests) <= _REQUESTS
    # It writes nothing.
    assert {exchange.method for exchange in requests} == {"GET"}


def test_what_a_store_on_s3_is_asked_works(saga: Saga, store: str, first: Done) -> None:
    assert saga("show", "--store", store, "--json").report["run"] == first.report["run"]
    card = saga("card", "demo", "--store", store)
    assert card.out.startswith("---\nlanguage: nb\n")
    verified = saga("verify", "--store", store)
    assert verified.code == 0, verified.out + verified.err
    assert first.report["adapter"].startswith(f"{store}/publish/")


def test_no_credential_is_in_the_store_or_the_log(proxy: FaultProxy, first: Done) -> None:
    client = proxy.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="e2e-store")
    keys = [found["Key"] for page in pages for found in page["Contents"]]
    assert len(keys) > 30
    secrets = (proxy.secret_key.encode(), proxy.access_key.encode())
    for key in keys:
        data = client.get_object(Bucket="e2e-store", Key=key)["Body"].read()
        assert not any(secret in data for secret in secrets), key
    assert proxy.secret_key not in first.err + first.out


@pytest.mark.parametrize(("stage", "file"), [("pairs", "pairs.parquet"), ("dpo", "adapter/adapter_model.safetensors")])
def test_a_changed_byte_makes_that_stage_again_and_no_other(
    saga: Saga, small: list[str], store: str, first: Done, proxy: FaultProxy, stage: str, file: str
) -> None:
    current = saga("run", "demo", *small, "--store", store, "--json").report["stages"]
    uri = next(row["uri"] for row in current if row["stage"] == stage)
    damage(proxy, f"{uri}/{file}")
    verified = saga("verify", "--store", store)
    assert verified.code == 1
    assert f"{stage}/" in verified.out + verified.err
    assert file.rsplit("/", 1)[-1] in verified.out + verified.err
    done = saga("run", "demo", *small, "--store", store, "--json")
    assert done.code == 0, done.err
    assert [name for name, state in done.states.items() if state != "cached"] == [stage]
    # The damaged one is kept aside, and the same came out again.
    assert f"{stage}/" in done.err
    assert "record.json.damaged-" in done.err
    digests = [{row["stage"]: row["digest"] for row in report["stages"]} for report in (first.report, done.report)]
    assert digests[0] == digests[1]


def test_an_outage_ends_a_run_with_what_is_kept_and_how_to_go_on(
    saga: Saga, small: list[str], store: str, first: Done, proxy: FaultProxy
) -> None:
    arguments = ["run", "demo", *small, "--set", "seed=5", "--set", "runtime.shard_rows=8", "--store", store]

    def fail(exchange: object) -> bool:
        proxy.inject(Fault("503", 1.0))
        return True

    proxy.at_half(
        fail, 6, lambda e: e.method == "PUT" and "/artifacts/candidates/" in e.path and "/lease/" not in e.path
    )
    done = saga(*arguments, "--until", "candidates", "--json", SAGA_STORE_SECONDS="5")
    proxy.inject()
    assert done.code == 1
    told = done.err.splitlines()[-3:]
    assert told[0].startswith("saga: candidates: s3://e2e-store/artifacts/candidates/")
    assert "SlowDown" in told[0]
    assert "/partial" in told[1]
    assert told[1].startswith("  kept: ")
    assert told[2].startswith("  resume: saga run demo ")
    assert "Traceback" not in done.err
    assert {"error", "kept", "resume"} <= done.report.keys()
    # The command that it names resumes, and what was kept is not drawn again.
    resumed = saga(*shlex.split(told[2].removeprefix("  resume: saga ")), "--json")
    assert resumed.code == 0, resumed.err
    assert "were kept, going on from there" in resumed.err
    states = resumed.states
    assert states["candidates"] == "computed"
    assert {state for stage, state in states.items() if stage != "candidates"} <= {"cached", "skipped"}


def test_an_outage_after_a_stage_is_told_with_what_is_done(
    saga: Saga, small: list[str], store: str, first: Done, proxy: FaultProxy
) -> None:
    finished: list[str] = []

    def after_data(exchange: Exchange) -> bool:
        if exchange.method == "PUT" and "/data/" in exchange.path and exchange.path.endswith("record.json"):
            finished.append(exchange.path)
        # What is written of the run when the stage has ended, not of one that was skipped before it.
        return bool(finished) and exchange.method == "PUT" and "/runs/" in exchange.path

    proxy.inject(Fault("503", 1.0, after_data))
    arguments = ["run", "demo", *small, "--set", "seed=8", "--refresh", "data", "--until", "data", "--store", store]
    done = saga(*arguments, SAGA_STORE_SECONDS="5")
    proxy.inject()
    assert done.code == 1
    told = done.err.splitlines()[-3:]
    assert told[0].startswith("saga: run: s3://e2e-store/artifacts/runs/demo-")
    assert told[1] == f"  kept: 1 finished stage in {store}"
    # What was made again need not be once more.
    assert told[2].startswith("  resume: saga run demo ")
    assert "--refresh" not in told[2]
    assert saga(*shlex.split(told[2].removeprefix("  resume: saga ")), "--json").states == {"data": "cached"}


def test_a_second_run_waits_and_uses_the_firsts_result(
    saga: Saga, small: list[str], store: str, tmp_path: Path
) -> None:
    arguments = ["run", "demo", *small, "--set", "seed=6", "--until", "probe", "--store", store, "--json"]
    runs = [
        subprocess.Popen(
            command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(tmp_path / f"home-{i}"),
        )
        for i in range(2)
    ]
    reports = []
    for run in runs:
        out, err = run.communicate(timeout=600)
        assert run.returncode == 0, err
        reports.append(json.loads(out.splitlines()[-1]))
    # Each stage was computed once, by one of the two.
    for stage in ("data", "probe"):
        rows = [next(row for row in report["stages"] if row["stage"] == stage) for report in reports]
        assert sorted(row["state"] for row in rows) == ["cached", "computed"]
        assert rows[0]["uri"] == rows[1]["uri"]
