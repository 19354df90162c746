from pathlib import Path

import pytest
from artifact_graphs import listing

from saga_core.artifacts.events import Events
from saga_core.artifacts.inventory import is_ours, take_inventory
from saga_core.artifacts.store import Store
from saga_core.artifacts.verification import survey, verify

ARTIFACT = f"dpo/{'0a' * 16}"


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path.name}")


def write(store: Store, *texts: str) -> None:
    """Write one event file, kept each time that it has grown."""
    events = Events(store.storage, "demo", ARTIFACT)
    with events.writing() as folder:
        for text in texts:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "events.out.tfevents.1.host").open("a") as file:
                file.write(text)
            events.keep(folder)


def test_what_was_written_last_is_in_the_store(store: Store) -> None:
    write(store, "one", "two")
    (path,) = listing(store)
    assert path == f"tracking/demo/{ARTIFACT}/events.out.tfevents.1.host"
    assert store.storage.read(path) == b"onetwo"


def test_a_local_store_has_the_file_while_it_is_written(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    with Events(store.storage, "demo", ARTIFACT).writing() as folder:
        assert folder == tmp_path / "store" / "tracking" / "demo" / ARTIFACT


def test_curves_are_neither_artifact_nor_damage(store: Store) -> None:
    write(store, "one")
    assert list(take_inventory(store.storage).folders) == []
    surveyed = survey(store)
    assert (surveyed.artifacts, surveyed.orphans) == (0, [])
    assert list(verify(store, surveyed)) == []


def test_a_recipe_named_like_a_key_is_no_artifact(store: Store) -> None:
    recipe = "0b" * 16
    store.storage.write(f"tracking/{recipe}/{ARTIFACT}/events.out.tfevents.1.host", b"")
    found = take_inventory(store.storage)
    assert found.folders == {}
    ((named, address),) = found.events
    assert (named, str(address)) == (recipe, ARTIFACT)


def test_an_unfinished_copy_of_curves_is_ours() -> None:
    assert is_ours(f"tracking/demo/{ARTIFACT}/.events.out.tfevents.1.host.0123abcd")
    assert not is_ours("tracking/mine.txt")
