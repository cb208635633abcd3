"""Where does the embedded store listen? On a unix socket, whose path the system limits to about a hundred bytes."""

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

LONGEST_PATH = 103
"""Bytes that fit sun_path with its closing zero: 108 on Linux, 104 on macOS and the BSDs."""

# Not tempfile.gettempdir(): the command line in a shell and the daemon under systemd may each have another TMPDIR, and
# they must meet.
_SHORT_ROOT = Path("/tmp")  # noqa: S108 - console/embedded.py accepts the directory only if it is ours and mode 0700


def socket_path(data_dir: Path) -> Path:
    """In the data directory, or, where that is too deep, in a short directory that only this data directory maps to."""
    path = data_dir / "store.sock"
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return _SHORT_ROOT / f"consent-relay-{os.getuid()}-{digest}" / "store.sock"


def socket_url(data_dir: Path) -> str:
    return "unix://" + quote(os.fsencode(socket_path(data_dir)))
