"""The server: a socket, uvicorn, and clients that are too slow."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import h11  # pyright: ignore[reportMissingImports]
import uvicorn  # pyright: ignore[reportMissingImports]
from starlette.concurrency import run_in_threadpool  # pyright: ignore[reportMissingImports]
from uvicorn.protocols.http.h11_impl import H11Protocol  # pyright: ignore[reportMissingImports]

from tsreward.errors import DataError, TSRewardError


def bind(host: str, port: int) -> tuple[socket.socket, bool]:
    """Return a socket that listens, and whether only this machine reaches it.

    Raises:
        DataError: the host is unknown, or the port is in use or not allowed.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
    except OSError as error:
        raise DataError(
            f"Cannot listen on {host}: {error.strerror}. Name an address of this machine with --host."
        ) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise DataError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port or --host."
        ) from error
    return listening, ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback


def keeper(save: Callable[[], None], every: float, tell: Callable[[str], None]) -> Callable[[Any], Any]:
    """Return the lifespan of an application that saves every so many seconds, in a thread; what fails is told."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        async def keep() -> None:
            while True:
                await asyncio.sleep(every)
                try:
                    await run_in_threadpool(save)
                except TSRewardError as error:
                    tell(f"warning: {error}")

        task = asyncio.create_task(keep())
        yield
        task.cancel()

    return lifespan


def make_server(app: Any, timeout: float, connections: int) -> Any:
    """Return the server, whose `run(sockets=[...])` serves until SIGINT or SIGTERM comes.

    Requests that have begun get their answer.
    """
    config = uvicorn.Config(
        app,
        http=_Impatient,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections,
        timeout_keep_alive=max(1, round(timeout)),
        timeout_graceful_shutdown=max(1, round(timeout)),
    )
    return uvicorn.Server(config)


class _Impatient(H11Protocol):
    """Hangs up where the head of a request takes too long to come: uvicorn waits for it without an end."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        """Let the clock run from the first byte that may be of a head until the head is there."""
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self.timeout_keep_alive, self._hang_up)

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _hang_up(self) -> None:
        self._waiting = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
