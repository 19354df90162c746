from __future__ import annotations

from typing import get_args

import pytest
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from saga_core.errors import UserError
from saga_core.recipe_file import load_recipe
from saga_core.trackers import PACKAGES, Tracker, check_installed


def test_the_names_are_those_of_transformers() -> None:
    assert set(get_args(Tracker)) == PACKAGES.keys() == INTEGRATION_TO_CALLBACK.keys()


def test_tensorboard_is_the_default_and_comes_with_saga() -> None:
    report_to = load_recipe("demo").recipe.runtime.report_to
    assert report_to == ("tensorboard",)
    check_installed(report_to)


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(UserError) as error:
        check_installed(["tensorboard", "clearml"])
    line = "runtime.report_to clearml: clearml not installed; run: pip install clearml, or leave clearml out"
    assert str(error.value) == line


def test_an_unknown_name_is_one_line_with_those_there_are() -> None:
    with pytest.raises(UserError) as error:
        load_recipe("demo", ["runtime.report_to=[wandbb]"])
    line = str(error.value)
    assert line.startswith("--set runtime.report_to=[wandbb]: input should be 'azure_ml', 'clearml', ")
    assert "not 'wandbb'" in line
    assert "\n" not in line


def test_nobody_is_asked_for_by_an_empty_list() -> None:
    assert load_recipe("demo", ["runtime.report_to=[]"]).recipe.runtime.report_to == ()
