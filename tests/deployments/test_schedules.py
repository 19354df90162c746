"""The schedules file: what it takes, and that a mistake is one line that names the key."""

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deployments.schedules import load_schedules
from saga_core.errors import UserError

GOOD = {"slug": "nb-weekly", "cron": "0 3 * * 1", "timezone": "Europe/Oslo"}


def load(folder: Path, entry: object, language: str = "nb") -> object:
    path = folder / "schedules.yaml"
    path.write_text(yaml.safe_dump({language: entry}), encoding="utf-8")
    return load_schedules(path)[language]


def test_ours_is_valid() -> None:
    assert load_schedules()["nb"].schedules[0].timezone == "Europe/Oslo"


def test_several_schedules_with_parameters(tmp_path: Path) -> None:
    other = GOOD | {"slug": "nb-daily", "parameters": {"until": "probe"}}
    loaded = load(tmp_path, {"recipe": "demo", "schedules": [GOOD, other]})
    assert [(each.slug, each.parameters) for each in loaded.schedules] == [  # type: ignore[attr-defined]
        ("nb-weekly", {}),
        ("nb-daily", {"until": "probe"}),
    ]


@pytest.mark.parametrize(
    ("change", "key", "what"),
    [
        ({"cron": "0 3 * *"}, "nb.schedules.0.cron", "cron"),
        ({"cron": "0 99 * * 1"}, "nb.schedules.0.cron", "cron"),
        ({"timezone": "Europe/Bergen"}, "nb.schedules.0.timezone", "no such time zone: 'europe/bergen'"),
        ({"timezone": ""}, "nb.schedules.0.timezone", "at least 1 character"),
        ({"slug": "Nb weekly"}, "nb.schedules.0.slug", "pattern"),
        ({"timezon": "UTC"}, "nb.schedules.0.timezon", "unknown key"),
    ],
)
def test_a_mistake_names_its_key(tmp_path: Path, change: dict[str, str], key: str, what: str) -> None:
    with pytest.raises(UserError) as error:
        load(tmp_path, {"recipe": "demo", "schedules": [GOOD | change]})
    assert error.value.where.endswith(key)
    assert what in str(error.value).lower()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("entry", "language", "what"),
    [
        ({"schedules": [GOOD]}, "nb", "nb.recipe: this key is required"),
        ({"recipe": "demo", "schedules": []}, "nb", "nb.schedules: "),
        ({"recipe": "demo", "schedules": [GOOD, GOOD]}, "nb", "slug nb-weekly is given twice"),
        ({"recipe": "nosuch", "schedules": [GOOD]}, "nb", "no such recipe"),
        ({"recipe": "demo", "schedules": [GOOD]}, "xx", "unknown language 'xx'"),
        ("demo", "nb", "nb"),
    ],
)
def test_an_entry_that_cannot_be(tmp_path: Path, entry: object, language: str, what: str) -> None:
    with pytest.raises(UserError) as error:
        load(tmp_path, entry, language)
    assert what in str(error.value)


@given(st.text(max_size=200))
def test_whatever_the_file_holds_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "schedules.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(UserError):
        assert isinstance(load_schedules(path), dict)
