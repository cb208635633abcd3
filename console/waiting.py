"""When is a process of ours ready? When its /readyz says so; it is asked until then."""

import asyncio
from pathlib import Path

import aiohttp

from consent.errors import StoreUnavailable

_SILENT_S = 30.0
_POLL_S = 0.05
_PROBE_TIMEOUT = aiohttp.ClientTimeout(total=5)


async def wait_ready(url: str, *, socket: Path | None = None) -> None:
    """As long as it answers that it is not ready yet, its own log says why: wait. Silence is another matter."""
    clock = asyncio.get_running_loop().time
    silent_since = clock()
    connector = aiohttp.UnixConnector(str(socket)) if socket else None
    async with aiohttp.ClientSession(timeout=_PROBE_TIMEOUT, connector=connector) as session:
        while clock() - silent_since < _SILENT_S:
            status = await _status(session, f"{url}/readyz")
            if status == 200:
                return
            silent_since = clock() if status else silent_since
            await asyncio.sleep(_POLL_S)
    raise StoreUnavailable(f"nothing answers at {socket or url} within {_SILENT_S:g} s")


async def _status(session: aiohttp.ClientSession, url: str) -> int | None:
    try:
        async with session.get(url) as response:
            return response.status
    except (aiohttp.ClientError, TimeoutError):
        return None
