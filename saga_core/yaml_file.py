"""Reading a YAML file of settings: safely, and with one line that says what is wrong where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from saga_core.errors import UserError


def read_settings(path: Path, what: str, remedy: str) -> dict[str, Any]:
    """Read a file that holds a mapping.

    Args:
        path: The file.
        what: What it is, as in ``a recipe``, for the error.
        remedy: What the reader can do when it is no mapping.

    Raises:
        UserError: Not to be read, not UTF-8, not YAML, a key set twice, or no mapping.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 at byte {error.start}", str(path), f"save {what} as UTF-8") from error
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", str(path)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # An impossible date is a plain ValueError.
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UserError(f"not YAML: {getattr(error, 'problem', None) or error}", where, "correct that line") from error
    if not isinstance(data, dict):
        raise UserError(f"{what} is a mapping of settings", str(path), remedy)
    return data


class _Loader(yaml.SafeLoader):
    """Safe YAML that also refuses a key given twice, of which plain YAML keeps the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        # Merge keys (<<) first: they are no keys of their own.
        self.flatten_mapping(node)
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)  # type: ignore[no-untyped-call]
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is set twice", key_node.start_mark)
            seen.add(str(key))
        return super().construct_mapping(node, deep)
