"""The page of an audit: whole, harmless whatever the names are, small, and the same every time."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

import numpy as np
import pytest

from tests.audit.circles import circles, moving_model, safe_model, still
from tests.report.reading import Reader, closed
from tests.scripted import script, small_model
from tsreward.audit import Audit, audit_reward
from tsreward.audit.examples import Moment
from tsreward.errors import DataError, TSRewardWarning
from tsreward.named_warnings import gathered, warn
from tsreward.report.audit import is_film, render_audit, strip
from tsreward.report.page import write_page
from tsreward.sequences.episodes import Episode

HOSTILE = "<script>document.title='taken';console.error('ran')</script>\"><img src=x onerror=alert(1)>{{ 7*7 }}"


@cache
def sensors() -> Audit:
    return audit_reward(moving_model("last"), circles(1), circles(2, 0.0), circles(3, 0.8), {HOSTILE: still(4)})


@cache
def films() -> Audit:
    model, rng = small_model((8, 8, 3), "likeness"), np.random.default_rng(0)
    good = [script(rng, 12, (8, 8, 3), np.uint8) for _ in range(5)]
    bare = [Episode(episode.obs) for episode in good]
    return audit_reward(model, bare, [script(rng, 9, (8, 8, 3), np.uint8) for _ in range(5)])


@cache
def page(made) -> str:
    return render_audit(made(), HOSTILE)


def test_everything_is_there():
    found = sensors()
    text = Reader(page(sensors)).text
    for word in (
        "Rejected.",
        "TSR001",
        "held states, median",
        "Spearman",
        "EPIC",
        "Less history",
        "Strangest",
    ):
        assert word in text
    assert f"{found.findings.separations[0].roc.value:.2g}" in text
    assert all(warning.remedy in text for warning in found.warnings)
    assert page(sensors).count("<svg") >= 2 + 4 + 6


@pytest.mark.parametrize("made", [sensors, films])
def test_it_is_small_and_refers_to_nothing_outside_itself(made):
    text = page(made)
    assert len(text.encode()) < 2_000_000
    closed(text)


def test_names_are_text():
    reader = Reader(page(sensors))
    assert reader.text.count(HOSTILE) >= 5


def test_warnings_of_the_data_stand_beside_those_of_the_reward():
    with gathered(), pytest.warns(TSRewardWarning):
        warn("outside training range", f"{HOSTILE} lies outside.")
        reader = Reader(render_audit(films(), "films"))
    assert f"outside training range: {HOSTILE} lies outside." in reader.text
    assert reader.tags.count("img") == Reader(page(films)).tags.count("img")
    assert "outside training range" not in Reader(page(films)).text


def test_windows_of_pictures_are_strips():
    assert page(films).count("data:image/png;base64,") == 6


def test_a_penalty_without_costs_has_a_page():
    bare = [Episode(episode.obs) for episode in circles(1)]
    found = audit_reward(safe_model(), bare, [Episode(episode.obs) for episode in circles(2, 0.3)])
    text = Reader(render_audit(found)).text
    assert "Undecided." in text
    assert "Agreement" not in text


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((64, 64, 3), (64, 64 * 4 + 6)),
        ((4, 84, 84), (42, 42 * 4 + 6)),
        ((84, 84), (42, 42 * 4 + 6)),
        ((100, 90, 12), (50, 45 * 4 + 6)),
    ],
)
def test_strips_of_all_layouts(shape, size):
    image = pytest.importorskip("matplotlib.image")
    import base64
    import io

    obs = np.random.default_rng(0).integers(0, 256, (9, *shape), np.uint8)
    assert is_film(obs)
    assert not is_film(obs.astype(np.float32))
    encoded = strip(Moment("good", 0, 6, 1.0, 0.0, obs, 1), window=4, frame_skip=1)
    read = image.imread(io.BytesIO(base64.b64decode(encoded)), format="png")
    assert read.shape[:2] == size


def test_the_last_frame_of_a_strip_is_the_step_that_is_judged():
    image = pytest.importorskip("matplotlib.image")
    import base64
    import io

    obs = np.repeat(np.arange(9, dtype=np.uint8) * 20, 12).reshape(9, 2, 2, 3)
    encoded = strip(
        Moment("good", 0, 6, 1.0, 0.0, obs, 1), window=3, frame_skip=2
    )  # rows 1 to 9: step 6 arrives at row 7
    read = image.imread(io.BytesIO(base64.b64decode(encoded)), format="png")
    assert (read[0, [0, 4, 8], 0] * 255 / 20).round().tolist() == [2, 4, 6]


def test_what_is_written_is_the_page_and_the_same_every_time(tmp_path):
    write_page(tmp_path / "a.html", render_audit(sensors(), HOSTILE))
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == page(sensors)
    with pytest.raises(DataError, match="does not exist"):
        write_page(tmp_path / "none" / "a.html", "page")


@pytest.mark.parametrize("looks", ["--screenshot=a.png", "--dump-dom"])
def test_a_browser_renders_it_without_an_error(tmp_path, looks):
    names = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
    browser = next((found for found in map(shutil.which, names) if found), None)
    if browser is None:
        pytest.skip("no Chromium on this machine")
    path = tmp_path / "a.html"
    path.write_text(page(sensors), encoding="utf-8")
    common = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={tmp_path}"]
    arguments = [browser, *common, "--window-size=400,1600", looks, path.as_uri()]
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path)
    assert "CONSOLE" not in run.stderr
    if looks == "--dump-dom":
        reader = Reader(run.stdout)
        assert HOSTILE in reader.text
    else:
        assert (tmp_path / "a.png").stat().st_size > 20_000
