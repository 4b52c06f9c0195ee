"""Pretrained forecasters, tiny ones with random weights, as scorers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tsreward.errors import DataError, OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.base import SCORERS
from tsreward.scorers.external import ExternalOptions, external_scorer
from tsreward.scorers.forecast_judge import MOST, ForecastJudge

transformers = pytest.importorskip("transformers", reason="needs the extra foundation")
PATCHES = {"context_length": 16, "patch_length": 4, "patch_stride": 4, "prediction_length": 2, "d_model": 8}
CONFIGS: dict[str, dict[str, Any]] = {
    "TimesFm": {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "head_dim": 8,
        "patch_length": 4,
        "context_length": 32,
        "horizon_length": 4,
    },
    "PatchTSMixer": PATCHES | {"num_layers": 1, "expansion_factor": 1, "num_input_channels": 3},
    "PatchTST": PATCHES | {"num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 8, "num_input_channels": 1},
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return a folder per kind of forecaster."""
    folder = tmp_path_factory.mktemp("forecasters")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name, sizes in CONFIGS.items():
            config = getattr(transformers, f"{name}Config")(**sizes)
            kind = f"{name}ModelForPrediction" if name == "TimesFm" else f"{name}ForPrediction"
            getattr(transformers, kind)(config).save_pretrained(folder / name)
    return {name: str(folder / name) for name in CONFIGS}


def windows(number: int = 5, steps: int = 24, columns: int = 2) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(number, steps, columns)).cumsum(1).astype(np.float32)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_error_is_that_of_the_last_step_in_steps_of_its_column(name: str, sources: dict[str, str]):
    judge, given = ForecastJudge(sources[name]), windows()
    expected = judge(given)
    assert expected.shape == (5,) and np.isfinite(expected).all() and (expected > 0).all()
    np.testing.assert_allclose(judge(given * [1000.0, 1e-3] + [0.0, 7.0]), expected, rtol=0.05)  # each in its own unit
    changed = given.copy()
    changed[:, -1] += 50
    assert (judge(changed) > expected + 5).all()
    np.testing.assert_allclose(judge(given[2:3]), expected[2:3], rtol=1e-5)


def test_what_has_not_moved_yet(sources: dict[str, str]):
    judge = ForecastJudge(sources["PatchTSMixer"])
    still = np.zeros((2, 20, 2), np.float32)
    still[:, -1] = 0.1
    still[1, 5:, 0] = np.arange(15)
    errors = judge(still)
    assert errors[0] == 0  # the start of an episode, which nobody can expect
    assert MOST / 2 <= errors[1] <= MOST / 2 + 10  # one of two columns never moved before
    late = windows()
    late[:, :8] = late[:, 8:9]
    early = np.concatenate([late[:, 8:9].repeat(4, 1), late[:, 8:]], 1)
    np.testing.assert_allclose(judge(late), judge(early), rtol=1e-4)  # however often the first step is repeated


def test_a_model_calibrates_it(sources: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    SCORERS.names()
    monkeypatch.setattr(SCORERS, "_things", dict(SCORERS._things))
    scorer = external_scorer("tiny_forecaster", ForecastJudge(sources["TimesFm"]))
    model = RewardModel(scorer(12, ExternalOptions(higher="anomalous")), Likeness()).fit(list(windows(6, 60)))
    odd = windows(1, 60)[0]
    odd[40] += 30
    scores = model.score(odd)
    assert int(scores.argmax()) in (40, 41)


def test_what_cannot_be_used_is_one_line(sources: dict[str, str], tmp_path: Path):
    with pytest.raises(OptionError, match=r"forecasts from 16 steps, and the window has 11 before its last"):
        ForecastJudge(sources["PatchTST"])(windows(steps=12))
    with pytest.raises(DataError, match="neither a folder nor a name on the hub"):
        ForecastJudge("nowhere")
    with pytest.raises(DataError, match=r"No forecaster with \.safetensors weights can be read from"):
        ForecastJudge(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(DataError, match="holds a bert, no forecaster that is known here: take one of timesfm"):
        ForecastJudge(str(tmp_path))
    transformers.PatchTSTModel(transformers.PatchTSTConfig(**CONFIGS["PatchTST"])).save_pretrained(tmp_path / "trunk")
    with pytest.raises(DataError, match="lacks weights of a patchtst"):
        ForecastJudge(str(tmp_path / "trunk"))
