"""Files that earlier versions of tsreward wrote, kept for ever, one folder a version, with what they gave then.

    python -m tests.golden.files        # writes tests/golden/<version> for this version

A model, a detector, the state of a training, a study and the folder of a run are loaded by every later version; scores,
actions and settings are those of then to 1e-6.
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

import tests.tiny  # noqa: F401
import tsreward
from tests.tuning.cheap import Cheap
from tsreward.cli.main import main
from tsreward.detection.detectors.files import load_detector, save_detector
from tsreward.detection.detectors.presets import make_detector
from tsreward.io import load, save
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.rewards.penalty import Penalty
from tsreward.sb3.saved_agent import load_agent
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.scorers.knn import KNN
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions
from tsreward.tuning.search import SearchOptions, search
from tsreward.tuning.study import opened

FOLDER = Path(__file__).parent
VERSIONS = sorted(path.name for path in FOLDER.iterdir() if (path / "expected.json").exists())
TOLERANCE = 1e-6
TRAIN = "train --env Tiny/Cost-v0 --model MODEL --steps 128 --num-envs 2 --hidden 4 --rollout 16 --save-every 64"
KEPT = ("config.json", "status.json", "episodes.csv", "results.json", "agent.json", "agent.safetensors")


def values(rows: int = 48, dim: int = 3) -> np.ndarray:
    """Return [rows, dim], whose numbers come from no generator: those of another version could be others."""
    step = np.arange(rows * dim).reshape(rows, dim)
    return (np.sin(step * 0.7) + 0.3 * np.cos(step * 2.3)).astype(np.float32)


def _episodes() -> list[Episode]:
    return [Episode(values(40) + 0.1 * number, np.ones(39), np.zeros(39)) for number in range(6)]


def _fitted(state: Path | None = None) -> RewardModel:
    options = TrainOptions(epochs=2, windows_per_epoch=64, state=state)
    return RewardModel(DeepSVDD(3, DeepSVDDOptions(hidden=8, embedding=4)), Penalty()).fit(
        _episodes(), rewards=np.ones(1), options=options
    )


def _scores(model: RewardModel) -> list[float]:
    (scores,) = model.score([values()])
    return scores.tolist()


def _study(path: Path) -> list[Any]:
    with opened(str(path), Cheap()) as study:
        return [[trial.params, list(trial.values or ())] for trial in study.trials()]


def _from_dump(dump: Path, folder: Path) -> Path:
    path = folder / "study.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(dump.read_text())
    return path


def _actions(run: Path) -> list[float]:
    return load_agent(run).predict(values(8)).ravel().tolist()


def _state(folder: Path, work: Path) -> list[float]:
    """Return the scores after a training that was through when its state was written."""
    shutil.copy(folder / "training-state", work / "training-state")
    return _scores(_fitted(work / "training-state"))


READ: dict[str, Callable[[Path, Path], Any]] = {
    "model": lambda folder, work: _scores(load(folder / "penalty.safetensors")),
    "model of another kind": lambda folder, work: _scores(load(folder / "likeness.safetensors")),
    "training state": _state,
    "detector": lambda folder, work: (
        load_detector(folder / "detector.safetensors").decision_function(values()).tolist()
    ),
    "study": lambda folder, work: _study(_from_dump(folder / "study.sql", work)),
    "agent of a run": lambda folder, work: _actions(folder / "run"),
    "run that goes on": lambda folder, work: _resumed(folder / "run", work / "run"),
}
"""What is read -> how: given the folder of a version and one to work in, it returns what expected.json holds."""


def _resumed(run: Path, copy: Path) -> list[Any]:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code = main(["train", "--resume", str(copy), "--steps", "192"])
    return [code, json.loads((copy / "status.json").read_text())["resumed_at"]]


def check_golden(work: Path) -> dict[str, int]:
    """Return for every golden file of every version whether it gives something else than then."""
    return {f"{version}: {name}": int(differs(version, name, work)) for version in VERSIONS for name in READ}


def differs(version: str, name: str, work: Path) -> bool:
    """Tell whether a golden file gives something else than it did."""
    expected = json.loads((FOLDER / version / "expected.json").read_text())[name]
    return not near(READ[name](FOLDER / version, work), expected)


def near(found: Any, wanted: Any) -> bool:
    """Tell whether two JSON values are the same, numbers to 1e-6 of their size or of 1.

    >>> near([1.0, {"a": 2}], [1.0 + 1e-7, {"a": 2}]), near([1.0], [1.01])
    (True, False)
    """
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(near(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(near(*pair) for pair in zip(found, wanted, strict=True))
    if isinstance(wanted, float):
        return bool(abs(found - wanted) <= TOLERANCE * max(1.0, abs(wanted)))
    return bool(found == wanted)


def write(folder: Path) -> None:
    """Write the golden files of this version into a new folder."""
    folder.mkdir()
    model = _fitted(folder / "training-state")
    save(model, folder / "penalty.safetensors")
    save(RewardModel(KNN(3), Likeness()).fit(_episodes()), folder / "likeness.safetensors")
    save_detector(make_detector("pca").fit(values(300)), folder / "detector.safetensors")
    study = folder / "study.db"
    with opened(str(study), Cheap()) as opened_study:
        search(opened_study, SearchOptions(trials=4, sampler="random"), start="fork")
    with closing(sqlite3.connect(study)) as database:
        (folder / "study.sql").write_text("\n".join(database.iterdump()) + "\n")
    study.unlink()
    tiny = folder / "tiny.safetensors"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main(f"collect --env Tiny/Cost-v0 --agent random --steps 240 --out {folder / 'tiny.npz'}".split()) == 0
        fit = f"fit --data {folder / 'tiny.npz'} --scorer mahalanobis --reward penalty --out {tiny}"
        assert main(fit.split()) == 0
        assert main([*TRAIN.replace("MODEL", str(tiny)).split(), "--no-film", "--out", str(folder / "run")]) == 0
    for path in (folder / "run").iterdir():
        if path.is_file() and path.name not in (*KEPT, "model.safetensors", "normaliser.npz"):
            path.unlink()
    for path in (folder / "tiny.npz", tiny):
        path.unlink()
    work = folder / "work"
    work.mkdir()
    expected = {name: read(folder, work) for name, read in READ.items()}
    shutil.rmtree(work)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:  # whose name stands in what is written
        write(Path(made) / "files")
        shutil.copytree(Path(made) / "files", FOLDER / tsreward.__version__)
