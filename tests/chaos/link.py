"""The way to the store: a TCP port that passes everything on to the store's socket, and can be cut or fall silent."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Link:
    def __init__(self, path: Path) -> None:
        self.path = path
        """Where it leads; whoever connects from now on goes there."""
        self.port = 0
        self._is_cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Reset every connection, and every new one, until it is mended."""
        self._is_cut = True
        for pair in self._pairs:
            for writer in pair:
                _reset(writer)

    def silence(self) -> None:
        """Carry nothing on, in either direction, and tell nobody."""
        self._flows.clear()

    def mend(self) -> None:
        self._is_cut = False
        self._flows.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            _reset(writer)
            return
        try:
            onward, back = await asyncio.open_unix_connection(str(self.path))
        except OSError:  # the store is down: refused here as it would be there
            _reset(writer)
            return
        pair = (writer, back)
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(onward, writer))
        finally:
            self._pairs.discard(pair)
            _reset(writer)
            _reset(back)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        except (OSError, RuntimeError):
            # RuntimeError is what uvloop says of a connection that is gone. It must end this direction alone: what a
            # killed process had sent before reaches the store, as it would by any other way.
            pass
        finally:
            writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closed with RST, as a router that forgot the connection does it."""
    if writer.is_closing():
        return
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.family != socket.AF_UNIX:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


@asynccontextmanager
async def linked(path: Path) -> AsyncIterator[Link]:
    link = Link(path)
    server = await asyncio.start_server(link.carry, "127.0.0.1", 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        link.mend()
        link.cut()
