"""A model hub on this machine alone: repositories, commits and downloads as `huggingface_hub` asks for them."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeHub(ThreadingHTTPServer):
    """Keeps every commit of every repository; a commit is named by the digest of its files."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}
        """Repository -> branch or commit -> file -> bytes."""
        self.asked: list[str] = []
        self.refuses = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, repo: str, branch: str, files: dict[str, bytes]) -> str:
        branches = self.repos[repo]
        now = branches.get(branch, {}) | files
        digest = hashlib.sha1(b"".join(name.encode() + data for name, data in sorted(now.items()))).hexdigest()
        branches[branch] = branches[digest] = now
        return digest


class _Requests(BaseHTTPRequestHandler):
    server: FakeHub

    def log_message(self, *words: Any) -> None: ...

    def do_POST(self) -> None:
        path, body = self._begin(), self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.refuses:
            return self._send(403, {"error": "Forbidden"})
        if path == "/api/repos/create":
            given = json.loads(body)
            repo = "/".join(filter(None, (given.get("organization"), given["name"])))
            self.server.repos.setdefault(repo, {"main": {}})
            return self._send(200, {"url": f"{self.server.url}/{repo}", "name": repo})
        if path == "/api/validate-yaml":
            return self._send(200, {"errors": [], "warnings": []})
        _, _, _, owner, name, what, branch = path.split("/")
        if what == "preupload":
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            return self._send(200, {"files": files})
        values = [line["value"] for line in map(json.loads, body.splitlines()) if line["key"] == "file"]
        found = {value["path"]: base64.b64decode(value["content"]) for value in values}
        digest = self.server.commit(f"{owner}/{name}", branch, found)
        return self._send(
            200,
            {"success": True, "commitOid": digest, "commitUrl": f"{self.server.url}/{owner}/{name}/commit/{digest}"},
        )

    def do_GET(self) -> None:
        parts = self._begin().strip("/").split("/")
        repo, branch = ("/".join(parts[2:4]), "main") if parts[0] == "api" else ("/".join(parts[:2]), parts[3])
        branches = self.server.repos.get(repo)
        if branches is None or branch not in branches:
            code = "RepoNotFound" if branches is None else "RevisionNotFound"
            return self._send(404, b"", {"X-Error-Code": code})
        files = branches[branch]
        digest = next(key for key, value in branches.items() if value == files and len(key) == 40)
        if parts[0] == "api":
            names = [{"rfilename": name} for name in files]
            return self._send(
                200,
                {
                    "id": repo,
                    "sha": digest,
                    "siblings": names,
                    "private": False,
                    "tags": [],
                    "downloads": 0,
                    "likes": 0,
                },
            )
        data = files.get("/".join(parts[4:]))
        if data is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        return self._send(200, data, {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": digest})

    do_HEAD = do_GET

    def _begin(self) -> str:
        self.server.asked.append(f"{self.command} {self.path}")
        return self.path.partition("?")[0]

    def _send(self, code: int, body: Any = b"", headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Serve a hub until the block ends."""
    hub = FakeHub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
