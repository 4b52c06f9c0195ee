"""The HTTP interface: POST /score, GET /incidents, /healthz and /metrics."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette  # pyright: ignore[reportMissingImports]
from starlette.concurrency import run_in_threadpool  # pyright: ignore[reportMissingImports]
from starlette.exceptions import HTTPException  # pyright: ignore[reportMissingImports]
from starlette.requests import ClientDisconnect, Request  # pyright: ignore[reportMissingImports]
from starlette.responses import JSONResponse, PlainTextResponse, Response  # pyright: ignore[reportMissingImports]
from starlette.routing import Route  # pyright: ignore[reportMissingImports]

from tsreward.errors import shown
from tsreward.serving.figures import exposition
from tsreward.serving.rows import Refused, RowReader
from tsreward.serving.streams import Streams

OPEN = ("/healthz",)
"""Paths that need no token."""


@dataclass(frozen=True)
class Access:
    """Who may ask, and how much."""

    token: str | None = None
    """Every request names it as `Authorization: Bearer TOKEN`; None asks for none."""
    local: bool = True
    """Whether only names of this machine are taken in the header Host: else a page in a browser could reach the server
    under a name of its own (DNS rebinding)."""
    max_body: int = 8 * 2**20
    """Bytes of a body at most."""
    timeout: float = 10.0
    """Seconds that a body may take to come."""


def make_app(
    streams: Streams,
    reader: RowReader,
    access: Access = Access(),
    lifespan: Callable[[Any], AbstractAsyncContextManager[None]] | None = None,
) -> Any:
    """Return the application, for any server of ASGI."""
    codes: Counter[str] = Counter()

    async def score(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # a page of another site may send other types without being asked
            raise Refused(415, f"Rows come as Content-Type: application/json, got {shown(kind)}.")
        body = await _body(request, access)
        return JSONResponse(await run_in_threadpool(lambda: streams.score(reader.read(body))))

    async def incidents(request: Request) -> Response:
        name = request.query_params.get("stream")
        return JSONResponse(await run_in_threadpool(streams.incidents, name))

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def metrics(request: Request) -> Response:
        figures = await run_in_threadpool(streams.figures)
        counts = {(code,): float(count) for code, count in codes.items()}
        text = exposition({**figures, "responses_total": counts})
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    app = Starlette(
        routes=[
            Route("/score", score, methods=["POST"]),
            Route("/incidents", incidents, methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        exception_handlers={Refused: _refused, HTTPException: _failed, Exception: _broken},
        lifespan=lifespan,
    )
    return _Guard(app, access, codes)


async def _body(request: Request, access: Access) -> bytes:
    most = access.max_body
    declared = request.headers.get("content-length", "")
    too_long = Refused(413, f"A body has at most {most} bytes: send the rows in parts.")
    if declared.isdecimal() and int(declared[:20]) > most:
        raise too_long
    parts, size = [], 0
    try:
        async with asyncio.timeout(access.timeout):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise too_long
                parts.append(part)
    except TimeoutError:
        raise Refused(408, f"The body did not come within {access.timeout:g} seconds.") from None
    except ClientDisconnect:
        raise Refused(400, "The client left before its body had come.") from None
    return b"".join(parts)


class _Guard:
    """Looks at Host and token before anything else, and counts responses."""

    def __init__(self, app: Any, access: Access, codes: Counter[str]) -> None:
        self._app, self._access, self._codes = app, access, codes

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._codes[str(message["status"])] += 1
            await send(message)

        refusal = self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, counted)

    def _refusal(self, scope: Any) -> Response | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if self._access.local and (len(hosts) != 1 or not is_local(hosts[0].decode("latin-1"))):
            return _answer(421, "This server is reached as localhost: the header Host names something else.")
        token = self._access.token
        if token is None or scope["path"] in OPEN:
            return None
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, found = (given[0] if len(given) == 1 else b"").partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(found.strip(), token.encode()):
            return None
        response = _answer(401, "A token is needed: Authorization: Bearer TOKEN.")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response


def is_local(host: str) -> bool:
    """Tell whether the header Host names this machine, with or without a port.

    >>> [is_local(one) for one in ("localhost:80", "127.0.0.1", "[::1]:8", "evil.example", "127.0.0.1.evil.example")]
    [True, True, True, False, False]
    """
    name = re.sub(r":[0-9]*$", "", host.lower()) if not host.endswith("]") else host
    name = name.removeprefix("[").removesuffix("]")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _answer(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    response = _answer(error.status, str(error))
    if error.status in (408, 413):
        response.headers["Connection"] = "close"  # what is left of the body is not read
    return response


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = {404: "There is /score, /incidents, /healthz and /metrics.", 405: "/score takes POST, the others take GET."}
    response = _answer(error.status_code, text.get(error.status_code, str(error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _broken(request: Request, error: Exception) -> Response:
    return _answer(500, f"The server failed with {type(error).__name__}; its log says more.")
