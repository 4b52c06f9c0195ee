"""Reads pages as browsers do, and says whether one is closed: it loads nothing, and runs nothing but its own script."""

from __future__ import annotations

import base64
import gzip
import re
from hashlib import sha256
from html.parser import HTMLParser

from tsreward.report.interactive import library
from tsreward.report.page import LARGEST, script

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """Collects tags, attributes, text, and what stands in scripts; notices tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag == "script":
            self.scripts.append((dict(attributes), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            attributes, known = self.scripts[-1]
            self.scripts[-1] = attributes, known + data
        else:
            self.text += data


def digest(source: bytes) -> str:
    return f"'sha256-{base64.b64encode(sha256(source).digest()).decode()}'"


def charts(page: str) -> list[str]:
    """Return the JSON of every interactive chart."""
    packed = [text for attributes, text in Reader(page).scripts if attributes.get("class") == "document"]
    return [gzip.decompress(base64.b64decode(text)).decode() for text in packed]


def closed(page: str) -> Reader:
    """Check that a page is small, loads nothing, and runs no script but its own and Bokeh's."""
    assert len(page.encode()) < LARGEST
    reader = Reader(page)
    assert not {"iframe", "object", "embed", "link", "base", "form"} & set(reader.tags)
    assert all(not name.startswith("on") for name, _ in reader.attributes)
    for name, value in reader.attributes:
        if name in ("href", "xlink:href", "src"):
            assert value is not None and value.startswith(("#", "data:image/png;base64,", "data:video/mp4;base64,"))
    assert "url(" not in page.replace("url(#", "")
    runs = [text for attributes, text in reader.scripts if not attributes]
    assert [text.encode() for text in runs] == [script()]
    packed = [(attributes, text) for attributes, text in reader.scripts if attributes]
    assert all(attributes["type"] == "text/plain" for attributes, _ in packed)
    assert all(re.fullmatch(r"[A-Za-z0-9+/=]*", text) for _, text in packed)
    kept = [base64.b64decode(text) for attributes, text in packed if attributes.get("id") == "library"]
    assert [gzip.decompress(one) for one in kept] == ([library()] if charts(page) else [])
    allowed = [digest(script()), *([digest(library())] if kept else [])]
    policy = next(value for name, value in reader.attributes if name == "content" and value and "default-src" in value)
    assert policy.startswith(f"default-src 'none'; script-src {' '.join(allowed)}; style-src 'unsafe-inline'; ")
    rest = re.sub(r' xmlns(:\w+)?="http://www\.w3\.org/[^"]*"', "", page).replace("http-equiv", "")
    assert "http" not in re.sub(r"<script.*?</script>", "", rest, flags=re.DOTALL)
    return reader
