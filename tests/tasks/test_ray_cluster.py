"""What ``SAGA_RAY`` may say, and how many workers a cluster has room for."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from saga_core.errors import StageError, UserError
from tasks.ray_cluster import connected, needs_of, places, uses_ray


def node(alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"memory": 1.0} | resources}


@pytest.fixture(autouse=True)
def no_server() -> Iterator[None]:
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        yield


@pytest.mark.parametrize("place", ["ray", "ray://", "ray://head", "10.0.0.1:6379", "http://head:10001", "LOCAL"])
def test_a_wrong_place_is_one_line(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_RAY", place)
    with pytest.raises(UserError) as told:
        uses_ray()
    assert str(told.value) == f"SAGA_RAY: {place!r} is neither local, auto nor ray://HOST:PORT; correct or unset it"


def test_without_it_or_with_an_empty_one_nothing_is_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGA_RAY", raising=False)
    assert not uses_ray()
    monkeypatch.setenv("SAGA_RAY", "")
    assert not uses_ray()


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_RAY", "local")
    # As where it is not installed.
    monkeypatch.setitem(sys.modules, "prefect_ray", None)
    with pytest.raises(UserError, match=r"SAGA_RAY: Ray is not installed here; pip install 'saga\[ray\]', or unset it"):
        uses_ray()


@pytest.mark.parametrize("place", ["auto", "ray://head:10001", "ray://[fd00::1]:10001"])
def test_a_cluster_needs_a_server_that_its_workers_reach(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("prefect_ray")
    monkeypatch.setenv("SAGA_RAY", place)
    with pytest.raises(UserError, match="PREFECT_API_URL: other machines cannot reach the temporary server"):
        uses_ray()
    with temporary_settings({PREFECT_API_URL: "http://server:4200/api"}):
        assert uses_ray()


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("prefect_ray")
    monkeypatch.setenv("SAGA_RAY", "ray://127.0.0.1:1")
    monkeypatch.setenv("RAY_ADDRESS", "")
    with pytest.raises(StageError, match="SAGA_RAY: no Ray cluster answers: ") as told, connected():
        pass
    assert "\n" not in str(told.value)


def test_a_gpu_is_asked_for_where_there_is_one() -> None:
    cluster = [node(CPU=8.0), node(CPU=8.0, GPU=2.0)]
    assert needs_of(cluster, gpu=True, threads=2) == {"CPU": 2, "GPU": 1}
    assert needs_of(cluster, gpu=False, threads=2) == {"CPU": 2}
    assert needs_of([node(CPU=8.0), node(alive=False, GPU=1.0)], gpu=True, threads=1) == {"CPU": 1}


def test_places_are_counted_a_node() -> None:
    cluster = [node(CPU=7.0), node(CPU=2.0, GPU=4.0), node(), node(alive=False, CPU=64.0, GPU=8.0)]
    assert places(cluster, {"CPU": 1}) == 9
    assert places(cluster, {"CPU": 2}) == 4
    assert places(cluster, {"CPU": 1, "GPU": 1}) == 2
    # Ray would wait for such a node for ever.
    with pytest.raises(UserError, match=r"no node of the Ray cluster has 8 CPU; .*lower runtime\.threads"):
        places(cluster, {"CPU": 8})
