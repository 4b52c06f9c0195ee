"""A browser that is led by its debugging protocol: what a person does with a page, and what the page answers."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tornado.websocket import websocket_connect

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_MOUSE = "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"
_TOLD = ("Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening", "Network.requestWillBeSent")


def browser() -> str | None:
    """Return the path of a Chromium; None where there is none."""
    return next((found for found in map(shutil.which, NAMES) if found), None)


def ask(page: Path, questions: Sequence[str], mouse: bool = True) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return the answers of a page to JavaScript, one after the other, and what went wrong or was requested meanwhile.

    A question that begins with "until " is asked until its answer is true.
    """
    return asyncio.run(_ask(page, questions, mouse))


async def _ask(page: Path, questions: Sequence[str], mouse: bool) -> tuple[list[Any], list[dict[str, Any]]]:
    path = browser()
    assert path is not None
    profile = TemporaryDirectory(ignore_cleanup_errors=True)
    folder = Path(profile.name)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--remote-allow-origins=*"]
    if mouse:
        options.append(f"--blink-settings={_MOUSE}")
    command = [path, *options, f"--user-data-dir={folder}", "--window-size=1000,1400", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        return await asyncio.wait_for(_talk(folder / "DevToolsActivePort", page, questions), 100)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        profile.cleanup()


async def _talk(where: Path, page: Path, questions: Sequence[str]) -> tuple[list[Any], list[dict[str, Any]]]:
    while not where.exists() or len(where.read_text().splitlines()) < 2:
        await asyncio.sleep(0.05)
    port, address = where.read_text().splitlines()
    socket = await websocket_connect(f"ws://127.0.0.1:{port}{address}")
    told: list[dict[str, Any]] = []
    number = 0

    async def call(method: str, session: str | None = None, **given: Any) -> dict[str, Any]:
        nonlocal number
        number += 1
        message = {"id": number, "method": method, "params": given} | ({"sessionId": session} if session else {})
        await socket.write_message(json.dumps(message))
        while True:
            answer = json.loads(str(await socket.read_message()))
            if answer.get("id") == number:
                return answer["result"]
            if answer.get("method") in _TOLD:
                told.append(answer)

    async def value(question: str) -> Any:
        result = await call("Runtime.evaluate", session, expression=question, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    target = await call("Target.createTarget", url="about:blank")
    session = (await call("Target.attachToTarget", targetId=target["targetId"], flatten=True))["sessionId"]
    for domain in ("Runtime", "Log", "Page", "Network"):
        await call(f"{domain}.enable", session)
    await call("Page.navigate", session, url=page.as_uri())
    while await value("document.readyState") != "complete":
        await asyncio.sleep(0.05)
    answers = []
    for question in questions:
        patient, wanted = question.startswith("until "), question.removeprefix("until ")
        while not (answer := await value(wanted)) and patient:
            await asyncio.sleep(0.05)
        answers.append(answer)
    socket.close()
    while await socket.read_message() is not None:  # until the other side has closed, too
        pass
    outside = [
        one
        for one in told
        if one["method"] != "Network.requestWillBeSent"
        or not one["params"]["request"]["url"].startswith(("data:", "blob:", page.as_uri()))
    ]
    return answers, outside
