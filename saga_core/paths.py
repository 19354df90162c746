"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path

from saga_core.errors import UserError
from saga_core.telling import printable


def path_of(name: str, where: str) -> Path:
    """Return the path that a name means; a leading ``~`` is the home folder, where there is such a user.

    Args:
        name: As it was written.
        where: The setting or option, for the error.

    Raises:
        UserError: No file system could have such a path, or what is on the way to it cannot be looked into.
    """
    # Path.expanduser raises for a user that does not exist, whose name may as well be a file's.
    path = Path(os.path.expanduser(name))
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return path
    except OSError as error:
        raise UserError(f"no path: {error.strerror}", f"{where} {printable(name)[:80]}", "correct it") from error
    except ValueError as error:
        # A null character, or half of a surrogate pair.
        raise UserError(f"no path: {error}", f"{where} {printable(name)[:80]}", "correct it") from error
    return path
