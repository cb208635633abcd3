"""How is a secret of our own kept in a file? Readable by its owner alone, whole and on the disk, made only once."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_once(file: Path, content: bytes) -> bool:
    """Whole and on the disk, or not at all; of two that start at once, one makes it. Whether we did."""
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # readable by its owner alone
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(draft, file)
            _sync_directory(file.parent)
            return True
        return False
    finally:
        os.close(descriptor)
        Path(draft).unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
