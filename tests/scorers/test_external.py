"""Models of others as scorers, and the endpoint that answers for one."""

from __future__ import annotations

import http.server
import io
import json
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from tests.contract import ScorerContract
from tsreward import load, relabel, save
from tsreward.encoders.raw_frames import RawFrames
from tsreward.errors import CheckpointError, DataError, OptionError, ShapeError, TSRewardWarning
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.base import SCORERS, Scorer
from tsreward.scorers.external import ExternalOptions, ExternalScorer, HTTPJudge, external_scorer
from tsreward.sequences.windows import WindowSet


def brightness(windows: np.ndarray) -> np.ndarray:
    return windows.mean(tuple(range(1, windows.ndim)), dtype=np.float64)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    SCORERS.names()
    monkeypatch.setattr(SCORERS, "_things", dict(SCORERS._things))


def films(number: int = 6, low: int = 200) -> list[np.ndarray]:
    draw = np.random.default_rng(low)
    return [draw.integers(low, low + 50, (20, 4, 4, 3), np.uint8) for _ in range(number)]


def fitted(judge: Callable = brightness, **options: object) -> RewardModel:
    scorer = external_scorer("own", judge)(2, ExternalOptions(frame_shape=(4, 4, 3), **options))  # type: ignore[arg-type]
    return RewardModel(scorer, Likeness()).fit(films())


class TestContract(ScorerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def scorer_class(cls) -> Iterator[type[Scorer]]:
        def judge(windows: np.ndarray) -> np.ndarray:
            return -np.square(np.clip(windows, -1e3, 1e3)).mean((1, 2))

        SCORERS.names()
        kept = dict(SCORERS._things)
        yield external_scorer("own", judge)
        SCORERS._things = kept

    @pytest.fixture(autouse=True)
    def own_registry(self) -> None:
        pass


def test_the_model_is_shown_frames_and_normal_ones_are_calibrated() -> None:
    seen: list[np.ndarray] = []
    model = fitted(lambda windows: (seen.append(windows), brightness(windows))[1])
    assert {(part.shape[1:], part.dtype) for part in seen} == {((2, 4, 4, 3), np.dtype(np.uint8))}
    bright, dark = model.score(films(1)), model.score(films(1, low=10))
    assert float(bright[0].max()) < float(dark[0].min())
    earned = [model.rate(scores[0]).reward.mean() for scores in (bright, dark)]
    assert earned[0] > 0.5 > 0.1 > earned[1]


def test_calls_have_one_size_and_rewards_do_not_depend_on_the_batch() -> None:
    sizes: set[int] = set()
    model = fitted(lambda windows: (sizes.add(len(windows)), brightness(windows))[1], batch_size=8)
    sizes.clear()
    whole = model.score(films(3))
    assert sizes == {8}
    assert all(torch.equal(one, model.score(film)) for one, film in zip(whole, films(3), strict=True))
    assert torch.equal(relabel(model, films(1)[0]).score, whole[0])


def test_what_a_higher_answer_means_is_an_option() -> None:
    windows = WindowSet.from_episodes([torch.rand(9, 3)], 2)
    better, worse = (
        external_scorer("own", brightness)(2, ExternalOptions(higher=higher)).fit(windows)
        for higher in ("better", "anomalous")
    )
    few = torch.rand(3, 2, 3)
    assert torch.equal(better(few), -worse(few))
    with pytest.raises(OptionError, match="higher must be better or anomalous"):
        ExternalOptions(higher="up")


def test_a_file_holds_the_name_and_loading_asks_for_the_model(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    model = fitted()
    save(model, path)
    wanted = model.score(films(1)[0])
    external_scorer("own", brightness)  # given again, as in another process
    assert torch.equal(load(path).score(films(1)[0]), wanted)
    SCORERS._things.pop("own")
    with pytest.raises(CheckpointError, match=r"Unknown scorer 'own'.*import the module that registers it first"):
        load(path)


def test_a_model_that_changes_its_mind_is_named() -> None:
    answers = iter(range(10_000))
    with pytest.warns(TSRewardWarning, match="to the same windows: fix its seed"):
        fitted(lambda windows: [next(answers) for _ in windows])


@pytest.mark.parametrize(
    ("judge", "error", "message"),
    [
        (lambda windows: 1.0, ShapeError, r"one number per window \[2\], got \[\]"),
        (lambda windows: np.ones((len(windows), 2)), ShapeError, r"one number per window \[2\], got \[2, 2\]"),
        (lambda windows: ["good"] * len(windows), ShapeError, r"must answer with numbers \[2\], got"),
        (lambda windows: np.full(len(windows), np.nan), DataError, "own gave nan for window 0"),
    ],
)
def test_answers_that_are_none_are_refused(judge: Callable, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fitted(judge)


def test_features_that_are_no_frames_are_refused() -> None:
    scorer = external_scorer("own", brightness)(2, ExternalOptions(frame_shape=(4, 4, 3)))
    with pytest.raises(ShapeError, match=r"shows frames \[4, 4, 3\], 48 values, and gets 12 features"):
        RewardModel(scorer, Likeness()).fit([film[:, :2, :2] for film in films()])
    with pytest.raises(DataError, match=r"frames of bytes, got values from 0.*no encoder"):
        RewardModel(scorer, Likeness()).fit([film / 255 for film in films()])
    with pytest.raises(OptionError, match="'own' needs a function of windows, got 3"):
        external_scorer("own", 3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="'knn' is there twice"):
        external_scorer("knn", brightness)
    assert issubclass(external_scorer("own", brightness), ExternalScorer)


class _Endpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        windows = np.load(io.BytesIO(self.rfile.read(int(self.headers["Content-Length"]))), allow_pickle=False)
        kind = self.path.strip("/")
        if kind == "slow":
            time.sleep(0.5)
        answers = {
            "list": brightness(windows).tolist(),
            "scores": {"scores": brightness(windows).tolist()},
            "words": {"answer": "good"},
            "large": [0.5] * 2000,
        }
        self.send_response({"broken": 500, "moved": 302}.get(kind, 200))
        self.send_header("Location", "/list")
        self.end_headers()
        self.wfile.write(b"<html>" if kind == "page" else json.dumps(answers.get(kind, [])).encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("answer", ["list", "scores"])
def test_an_endpoint_answers_as_the_function_does(endpoint: str, answer: str) -> None:
    own = fitted().score(films(1)[0])
    asked = fitted(HTTPJudge(f"{endpoint}/{answer}"))
    assert torch.equal(own, asked.score(films(1)[0]))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("broken", "answered 500 Internal Server Error: check the endpoint"),
        ("moved", "answered 302"),
        ("slow", "gave no answer within 0.1 s"),
        ("page", "must answer with JSON, got"),
        ("words", r"must answer \[0.5, ...\] or"),
        ("large", "answered with more than most_bytes=2000 bytes"),
    ],
)
def test_an_endpoint_that_fails_is_named_in_one_line(endpoint: str, answer: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        HTTPJudge(f"{endpoint}/{answer}", timeout=0.1 if answer == "slow" else 5, most_bytes=2000)(np.zeros((1, 2, 3)))
    assert "\n" not in str(caught.value)


def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    for url in ("ftp://host/score", "localhost:8000", "file:///etc/passwd", ""):
        with pytest.raises(OptionError, match="HTTPJudge needs a URL such as"):
            HTTPJudge(url)
    with pytest.raises(OptionError, match="timeout > 0"):
        HTTPJudge(endpoint, timeout=0)
    with pytest.raises(DataError, match=r"request to .* more than most_bytes=100: lower batch_size"):
        HTTPJudge(endpoint, most_bytes=100)(np.zeros((1, 2, 3)))
    with pytest.raises(DataError, match="gave no answer within 5 s"):
        HTTPJudge("http://127.0.0.1:9/score", timeout=5)(np.zeros((1, 2, 3)))


def test_raw_frames_tell_their_shape() -> None:
    model = RewardModel(external_scorer("own", brightness)(2), Likeness(), RawFrames((4, 5, 3)))
    model.fit([torch.randint(0, 256, (20, 4, 5, 3), dtype=torch.uint8) for _ in range(4)])
    assert model.scorer.options.frame_shape == (4, 5, 3)
