"""A real server on a loopback port: answers, limits, tokens, slow clients."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.serving import plant
from tests.serving.plant import Client
from tsreward.detection.detectors.logs import LogDetector

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def detector() -> LogDetector:
    return plant.detector()


@pytest.fixture
def client(detector: LogDetector) -> Iterator[Client]:
    reader, streams = plant.parts(detector)
    with plant.served(streams, reader, max_body=200_000) as client:
        yield client


def test_rows_are_scored_and_incidents_told(client: Client, detector: LogDetector) -> None:
    rows = plant.as_rows(plant.recent())
    alone = plant.make_stream(detector)
    part = alone.push(plant.recent())
    assert client.ask("/healthz") == (200, {"status": "ok"})
    scores = []
    for start, stop in ((0, 205), (205, 500)):
        code, found = client.ask("/score", {"streams": {"pump 1": rows[start:stop]}})
        assert code == 200
        scores += found["streams"]["pump 1"]["scores"]
    assert scores == part.scores.tolist()
    code, found = client.ask("/incidents?stream=pump%201")
    assert code == 200
    assert found["streams"]["pump 1"]["incidents"] == json.loads(json.dumps([one.to_json() for one in part.alarms]))
    code, text = client.ask("/metrics")
    assert code == 200
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert figures['tsreward_rows_total{stream="pump 1"}'] == "500.0"
    assert figures['tsreward_score{stream="pump 1"}'] == repr(part.scores.tolist()[-1])
    assert figures['tsreward_incidents_total{stream="pump 1",kind="stuck"}'] == "1.0"
    assert figures['tsreward_responses_total{code="200"}'] == "4.0"
    line = re.compile(r'# (HELP|TYPE) tsreward_\w+ .+|tsreward_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? (\S+)')
    assert all(line.fullmatch(one) for one in text.splitlines())


def test_what_is_wrong_is_one_line_and_changes_nothing(client: Client) -> None:
    rows = plant.as_rows(plant.recent())
    client.ask("/score", {"rows": rows[:100]})
    before = client.ask("/incidents")
    asked = [
        (400, client.ask("/score", b'{"rows": [NaN]}')),
        (413, client.ask("/score", b" " * 200_001)),
        (415, client.ask("/score", {"rows": rows[100:]}, Content_Type="text/plain")),
        (422, client.ask("/score", {"rows": [{**rows[100], "load": None}]})),
        (421, client.ask("/score", {"rows": rows[100:]}, Host="evil.example")),
        (421, client.ask("/metrics", Host="127.0.0.1.evil.example:80")),
        (404, client.ask("/")),
        (404, client.ask("/incidents?stream=none")),
        (405, client.ask("/score")),
        (405, client.ask("/metrics", {})),
    ]
    for wanted, (code, answer) in asked:
        assert code == wanted and list(answer) == ["error"] and "\n" not in answer["error"], answer
    assert client.ask("/incidents", Host="[::1]:8765") == before


def test_a_body_without_a_length_is_limited_too(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        head = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            connection.sendall(b"%x\r\n%s\r\n" % (100_000, b" " * 100_000))
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /score HTTP/1.1\r\nHost: loc",
        b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_slow_clients_are_hung_up_on(detector: LogDetector, sent: bytes) -> None:
    reader, streams = plant.parts(detector)
    with (
        plant.served(streams, reader, timeout=1.0) as client,
        socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection,
    ):
        connection.sendall(sent)
        answer = b""
        while part := connection.recv(4096):  # ends when the server closes
            answer += part
        assert answer.startswith(b"HTTP/1.1 408") if b"Length" in sent else answer == b""
        assert client.ask("/healthz")[0] == 200


def test_a_token_is_asked_for(detector: LogDetector) -> None:
    reader, streams = plant.parts(detector)
    with plant.served(streams, reader, token=TOKEN, local=False) as client:
        rows = {"rows": plant.as_rows(plant.recent())[:9]}
        for wrong in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}):
            for path, body in (("/score", rows), ("/incidents", None), ("/metrics", None)):
                assert client.ask(path, body, **wrong)[0] == 401
        assert client.ask("/healthz", Host="pod.example")[0] == 200
        right = {"Authorization": f"Bearer {TOKEN}", "Host": "pod.example"}
        assert client.ask("/score", rows, **right)[0] == 200
        assert client.ask("/incidents", **right)[1]["streams"]["log"]["rows"] == 9


def test_many_clients_at_once_each_have_their_stream(detector: LogDetector) -> None:
    reader, streams = plant.parts(detector, most=8)
    rows, found = plant.as_rows(plant.recent()), {}
    wanted = plant.make_stream(detector).push(plant.recent()).scores.tolist()
    with plant.served(streams, reader) as client:

        def send(name: str) -> None:
            found[name] = []
            for start in range(0, 500, 100):
                answer = client.ask("/score", {"stream": name, "rows": rows[start : start + 100]})[1]
                found[name] += answer["streams"][name]["scores"]

        threads = [threading.Thread(target=send, args=(f"s{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert list(found.values()) == [wanted] * 8
