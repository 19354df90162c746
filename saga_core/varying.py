"""From ``--vary key=a,b`` to the arms of an ablation: the product of all lists."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from saga_core.errors import UserError

_EXAMPLE = "for example --vary sft.mode=skip,force"


@dataclass(frozen=True)
class Variant:
    """One arm's settings.

    Attributes:
        title: What varies, as a person wrote it: ``sft.mode=skip, dpo.nll_weight=0``.
        overrides: The same for ``load_recipe``.
    """

    title: str
    overrides: tuple[str, ...]


def variants(vary: Sequence[str], fixed: Sequence[str] = ()) -> list[Variant]:
    """Return the arms, the last list varying fastest.

    Args:
        vary: Settings with several values each, ``key=a,b``; a value is YAML, and commas within its brackets or quotes
            are its own.
        fixed: Settings of all arms, ``key=value``; none may vary.

    Raises:
        UserError: One is not of that form, varies twice or is fixed, or there are not two arms.
    """
    lists: dict[str, list[object]] = {}
    for given in vary:
        key, equals, text = given.partition("=")
        where = f"--vary {given}"
        if not equals or not key:
            raise UserError("not of the form key=value,value", where, _EXAMPLE)
        settings = [setting.partition("=")[0] for setting in fixed]
        if key in lists or key in settings:
            raise UserError(f"{key} is given twice", where, "give it once")
        # A whole group replaces what is said of a part of it, and the arm would not be what it is called.
        overlapping = [other for other in (*lists, *settings) if other.startswith(f"{key}.")]
        overlapping += [other for other in lists if key.startswith(f"{other}.")]
        if overlapping:
            raise UserError(f"{key} and {overlapping[0]} overlap", where, "name the same settings one by one")
        lists[key] = _values(text, where)
    arms = [Variant(_title(chosen), _overrides(chosen)) for chosen in _product(lists)]
    if len(arms) < 2:
        raise UserError("one arm is nothing to compare", "--vary", _EXAMPLE)
    return arms


def _product(lists: dict[str, list[object]]) -> list[dict[str, object]]:
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def _values(text: str, where: str) -> list[object]:
    try:
        values = yaml.safe_load(f"[{text}]")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError("the values are not YAML", where, "quote them") from error
    if not isinstance(values, list) or not values:
        raise UserError("no value", where, _EXAMPLE)
    # As they are called, for arms of one name would be taken for seeds of one arm: 0.1 and "0.1" are the same setting.
    shown = [_name(value) for value in values]
    if twice := next((text for i, text in enumerate(shown) if text in shown[:i]), None):
        raise UserError(f"{twice} is given twice", where, "give each value once")
    return values


def _title(chosen: dict[str, object]) -> str:
    return ", ".join(f"{key}={_name(value)}" for key, value in chosen.items())


def _name(value: object) -> str:
    return value if isinstance(value, str) else _text(value)


def _overrides(chosen: dict[str, object]) -> tuple[str, ...]:
    # JSON is YAML, so load_recipe reads back what was read here.
    return tuple(f"{key}={_text(value)}" for key, value in chosen.items())


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
