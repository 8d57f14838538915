"""Who else may read a file that holds a secret."""

from __future__ import annotations

import stat
from pathlib import Path


def others_can_read(path: Path) -> bool:
    """This function will say whether any user of this machine can read a file.

    A file that is open to everybody in a folder that nobody else may enter is closed. The group is
    trusted: that is how services share a secret.
    """
    try:
        path = path.resolve(strict=True)
        if not path.stat().st_mode & stat.S_IROTH:
            return False
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
    except OSError:
        return False
