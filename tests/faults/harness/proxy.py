"""A TCP proxy of our own between one process and one server: it passes, cuts, goes silent half-open, or is slow."""

import asyncio
from collections.abc import Callable
from pathlib import Path

_CHUNK = 1 << 16
Target = tuple[str, int] | Path
"""Where it leads: host and port, or the path of a socket."""


class Proxy:
    """Listens on a port or a socket and leads to a target; the harm is done between."""

    def __init__(self, target: Callable[[], Target]) -> None:
        """Ask for the target anew at each connection: a server may come back elsewhere."""
        self._target = target
        self._links: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self._delay = 0.0
        self._server: asyncio.Server | None = None
        self.passed = 0

    async def listen_on_port(self) -> int:
        """Listen on a free port of the loopback address; returns it."""
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def listen_on_socket(self, path: Path) -> None:
        """Listen on a socket."""
        self._server = await asyncio.start_unix_server(self._link, path)

    async def close(self) -> None:
        """Cut everything and listen no more."""
        self.mend()
        if self._server is not None:
            self._server.close()
        self._cut()

    def cut(self) -> None:
        """Reset all connections, and refuse new ones until mended."""
        self._refuses = True
        self._cut()

    def half_open(self) -> None:
        """Pass nothing any more, and tell nobody: connections stand, and new ones are taken."""
        self._flows.clear()

    def slow(self, seconds: float) -> None:
        """Hold each piece back for so long."""
        self._delay = seconds

    def mend(self) -> None:
        """Pass again. What was half-open is reset, as by a network that has forgotten it."""
        if not self._flows.is_set():
            self._cut()
        self._refuses, self._delay = False, 0.0
        self._flows.set()

    def _cut(self) -> None:
        for link in self._links:
            link.transport.abort()
        self._links.clear()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        target = self._target()
        try:
            if isinstance(target, Path):
                there, back = await asyncio.open_unix_connection(target)
            else:
                there, back = await asyncio.open_connection(*target)
        except OSError:
            writer.transport.abort()
            return
        self._links |= {writer, back}
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        self._links -= {writer, back}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_CHUNK):
                await self._flows.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                self.passed += len(piece)
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()
