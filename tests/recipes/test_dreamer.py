"""What sheeprl is told, the environments it is given, and what is read back; a whole run where it is installed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict

import tests.tiny  # noqa: F401
from tests.envs.conftest import dmc, frames  # noqa: F401
from tests.scripted import small_model
from tsreward.cli.main import main
from tsreward.errors import DataError, MissingExtraError, OptionError, ProtocolError, ShapeError
from tsreward.io import save
from tsreward.named_warnings import gathered
from tsreward.pipeline.relabel import relabel
from tsreward.recipes import dreamer
from tsreward.recipes.dreamer import DreamerOptions, LoggedEpisode, observation_keys, overrides, read_episodes
from tsreward.recipes.dreamer_process import reward_env
from tsreward.sequences.episodes import Episode

SMALL = {"steps": 300, "num_envs": 2, "replay_ratio": 0.1, "batch_size": 4, "sequence_length": 16,
         "learning_starts": 64, "evaluations": 2}  # fmt: skip


class Seen(gymnasium.Env):
    """Observes what it is told to."""

    def __init__(self, space: gymnasium.Space) -> None:
        self.observation_space, self.action_space = space, Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, **_: Any) -> Any:
        return self.observation_space.sample(), {}


def _picture(*shape: int) -> Box:
    return Box(0, 255, shape, np.uint8)


SPACES = {
    "Picture": (_picture(8, 8, 3), (["rgb"], [])),
    "Grey": (_picture(8, 8), (["rgb"], [])),
    "Ram": (_picture(128), ([], ["state"])),
    "Parts": (Dict({"eye": _picture(8, 8, 1), "joints": Box(-1, 1, (2,))}), (["eye"], ["joints"])),
    "Stack": (_picture(8, 8, 9), None),
    "Scaled": (Box(0, 1, (8, 8, 3)), None),
}
for _name, (_space, _) in SPACES.items():
    gymnasium.register(f"Seen/{_name}-v0", Seen, kwargs={"space": _space}, disable_env_checker=True)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save(small_model(mode="likeness"), path)
    return path


def told(options: DreamerOptions, place: Path = Path("/runs/a")) -> dict[str, str]:
    return dict(line.split("=", 1) for line in overrides(options, place, (["rgb"], [])))


def test_options_become_overrides() -> None:
    options = DreamerOptions("dmc/walker-walk:pixels=64,camera=side", Path("/a model"), steps=500, num_envs=3,
                             action_repeat=2, seed=7, learning_rate=1e-3)  # fmt: skip
    given = told(options)
    wanted = {
        "exp": "dreamer_v3_5",
        "algo": "dreamer_v3_5_1M",
        "env.id": "'dmc/walker-walk:pixels=64,camera=side'",
        "env.wrapper._target_": "tsreward.recipes.dreamer_process.reward_env",
        "+env.wrapper.model": "'/a model'",
        "+env.wrapper.action_repeat": "2",
        "+env.wrapper.episodes": "'/runs/a/episodes.jsonl'",
        "env.num_envs": "3",
        "env.action_repeat": "1",
        "env.sync_env": "True",
        "algo.total_steps": "500",
        "algo.optimizer.lr": "0.001",
        "algo.cnn_keys.encoder": "['rgb']",
        "algo.cnn_keys.decoder": "['rgb']",
        "algo.mlp_keys.encoder": "[]",
        "buffer.size": "503",
        "log_root": "'/runs/a'",
        "seed": "7",
    }
    assert {name: given.get(name, "1" if name == "env.action_repeat" else None) for name in wanted} == wanted
    assert not any(name.startswith("algo.critics_exploration") for name in given)


def test_plan2explore_has_a_critic_for_every_reward() -> None:
    given = told(DreamerOptions("CartPole-v1", algorithm="p2e_dv3", size="S", bonus_weight=0.5, learning_rate=1e-4))
    assert (given["exp"], given["+env.wrapper.model"]) == ("p2e_dv3_exploration", "null")
    assert given["algo.critics_exploration.intrinsic.weight"] == "0.5"
    assert given["algo.critics_exploration.extrinsic.weight"] == "1.0"
    assert (given["algo.dense_units"], given["algo.world_model.recurrent_model.recurrent_state_size"]) == ("512", "512")
    assert given["algo.actor.optimizer.lr"] == given["algo.world_model.optimizer.lr"] == "0.0001"
    largest = told(DreamerOptions("CartPole-v1", algorithm="p2e_dv3", size="XL"))
    assert "algo.dense_units" not in largest and "algo" not in largest


HOSTILE = ["it's", "a=b,c", "${env.seed}", "a\\b", "a\\'b", "ends in \\", "[x]{y}", "a b", "#é", "\\${x}", "$x"]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_come_back_as_they_were(text: str) -> None:
    pytest.importorskip("hydra", reason="needs the extra 'dreamer'")
    from hydra.core.override_parser.overrides_parser import OverridesParser  # pyright: ignore[reportMissingImports]
    from omegaconf import OmegaConf  # pyright: ignore[reportMissingImports]

    parsed = OverridesParser.create().parse_override(f"env.id={dreamer._quoted(text)}")
    config = OmegaConf.create({})
    OmegaConf.update(config, "id", parsed.value())
    assert config.id == text


@pytest.mark.parametrize("name", SPACES)
def test_pictures_and_vectors_are_told_apart(name: str) -> None:
    options, keys = DreamerOptions(f"Seen/{name}-v0"), SPACES[name][1]
    if keys is not None:
        assert observation_keys(options) == keys
        return
    with pytest.raises(ShapeError, match=r"dreamer_v3 sees vectors and pictures .* but Seen/.*leave frames unstacked"):
        observation_keys(options)


def test_a_model_of_other_observations_is_refused_before_sheeprl_starts(model: Path) -> None:
    with pytest.raises(ShapeError, match=r"the model reads \(3,\)"):
        observation_keys(DreamerOptions("Tiny/Wide-v0", model))


def test_environments_pay_the_learned_reward_and_share_the_model(model: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    env, other = (reward_env("Tiny/Cost-v0", 2, str(model), str(log)) for _ in range(2))
    assert env.get_wrapper_attr("stream").model is other.get_wrapper_attr("stream").model
    rows, rewards, done = [env.reset(seed=3)[0]], [], False
    env.action_space.seed(0)
    while not done:
        obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        rows.append(obs)
        rewards.append(reward)
        done = terminated or truncated
    step = relabel(env.get_wrapper_attr("stream").model, [Episode(np.stack(rows))])[0]
    assert rewards == step.reward.tolist()
    (line,) = read_episodes(log)
    assert (line.length, line.learned_return) == (len(rewards), pytest.approx(sum(rewards)))
    assert line.true_return != line.learned_return and line.cost is not None


def test_an_error_in_a_step_ends_the_process(model: Path, tmp_path: Path) -> None:
    env = reward_env("Tiny/Broken-v0", 1, str(model), str(tmp_path / "log"))
    env.reset(seed=0)
    with pytest.raises(SystemExit, match="NaN"):
        for _ in range(12):
            env.step(env.action_space.sample())


def test_a_line_that_was_cut_short_is_left_out_and_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    assert read_episodes(path) == []
    line = json.dumps({"length": 3, "true_return": 1.0, "learned_return": 0.5})
    path.write_text(f"{line}\n{line[:9]}")
    assert read_episodes(path) == [LoggedEpisode(3, 1.0, 0.5)]
    path.write_text(f"{line[:9]}\n{line}\n")
    with pytest.raises(DataError, match=r"episodes.jsonl, line 1, is no episode"):
        read_episodes(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "XS"}, "DreamerOptions.size must be 1M, 12M, .* or None for 'dreamer_v3', got 'XS'"),
        ({"algorithm": "p2e_dv3", "size": "1M"}, "size must be XS, S, M, L, XL or None for 'p2e_dv3'"),
        ({"screen_size": 48}, "screen_size must be a power of 2, got 48"),
        ({"algorithm": "dreamer"}, "algorithm must be 'dreamer_v3' or 'p2e_dv3'"),
        ({"replay_ratio": 0.0}, "replay_ratio must be a finite number > 0"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        DreamerOptions("CartPole-v1", **options)


def test_a_missing_sheeprl_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dreamer, "is_installed", lambda: False)
    with pytest.raises(MissingExtraError, match=r"sheeprl is not installed. Install it with: .*\[dreamer\]"):
        dreamer.run(DreamerOptions("Tiny/Cost-v0"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def _stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, train: str) -> None:
    """Let processes find a package sheeprl whose training is this code."""
    package = folder / "sheeprl"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(
        f"import sys\nfrom tsreward.named_warnings import warn\n\ndef run():\n    {train}\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{Path.cwd()}")


@pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning")
def test_warnings_of_the_process_are_repeated_and_errors_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _stand_in(monkeypatch, tmp_path, "warn('odd', ' '.join(sys.argv))")
    with gathered() as log:
        dreamer._call("train", ["a=1", "b='x y'"], tmp_path)
    assert log.as_json() == [{"name": "odd", "text": "sheeprl a=1 b='x y'"}]
    ended = (
        r"^sheeprl ended with an error: .*: sheeprl a=1 \(An error because of strict.\) \(all it said: .*output.txt\)$"
    )
    with gathered(strict=True), pytest.raises(ProtocolError, match=ended):
        dreamer._call("train", ["a=1"], tmp_path)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put in the place of sheeprl what it would leave: episodes of random actions, and a checkpoint."""

    def call(what: str, arguments: list[str], place: Path, total: int = 0, report: Any = None) -> None:
        given = dict(word.split("=", 1) for word in arguments if "=" in word)
        model = given.get("+env.wrapper.model", "null").strip("'")
        log = place / "episodes.jsonl" if what == "train" else Path(arguments[1])
        env = reward_env("Tiny/Cost-v0", 1, None if model == "null" else model, str(log))
        env.action_space.seed(0)
        for seed in range(6) if what == "train" else map(int, arguments[2:]):
            env.reset(seed=seed)
            while not any(env.step(env.action_space.sample())[2:4]):
                pass
        (place / "log").mkdir(exist_ok=True)
        (place / "log" / "ckpt_9_0.ckpt").touch()
        (place / "log" / "ckpt_10_0.ckpt").touch()
        if report is not None:
            report(total, total)

    monkeypatch.setattr(dreamer, "_call", call)
    monkeypatch.setattr(dreamer, "is_installed", lambda: True)


@pytest.mark.usefixtures("played")
def test_the_command_leaves_a_folder(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    words = ["train", "--algorithm", "dreamer_v3", "--env", "Tiny/Cost-v0", "--model", str(model), "--json"]
    assert main([*words, "--evaluations", "3", "--out", str(out)]) == 0
    printed = json.loads(capsys.readouterr().out)
    results = json.loads((out / "results.json").read_text())
    assert printed == {"folder": str(out), **results}
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json", "curves.png", "report.html", "results.json", "sheeprl"
    ]  # fmt: skip
    evaluated = read_episodes(out / "sheeprl" / "evaluations.jsonl")
    assert len(evaluated) == 3
    assert results["agent"]["return"] == pytest.approx(np.mean([one.true_return for one in evaluated]))
    assert results["agent"]["learned_return"] == pytest.approx(np.mean([one.learned_return for one in evaluated]))
    assert results["training"].keys() >= {"return", "length", "cost"}
    assert dreamer.last_checkpoint(out).name == "ckpt_10_0.ckpt"
    assert json.loads((out / "config.json").read_text())["steps"] == 100_000
    assert main([*words, "--out", str(out)]) == 2
    assert "is not an empty folder" in capsys.readouterr().err


def test_a_likeness_that_goes_on_learning_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--algorithm", "p2e_dv3", "--reward", "likeness", "--env", "CartPole-v1"]) == 2
    assert "p2e_dv3 learns from a model that stays as it is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("algorithm", "env"),
    [("dreamer_v3", "dmc/cartpole-balance:pixels=64,max_episode_steps=100"), ("p2e_dv3", "tests.tiny:Tiny/Cost-v0")],
)
def test_a_whole_run(algorithm: Any, env: str, model: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("sheeprl", reason="needs the extra 'dreamer': make test-dreamer")
    pixels = "pixels" in env
    if pixels:
        request.getfixturevalue("frames")
        save(small_model((64, 64, 3), mode="likeness"), model)
    place = tmp_path / "it's a run"
    own = {"action_repeat": 4} if pixels else {"replay_ratio": 0.03}
    options = DreamerOptions(env, model, algorithm, **{**SMALL, **own})
    stages: list[str] = []
    result = dreamer.run(options, place, lambda name: stages.append(name) or (lambda done, total: None))
    assert stages == ["agent", "evaluation"]
    assert len(result.evaluation) == 2 and len({one.true_return for one in result.evaluation}) == 2
    assert 150 < sum(one.length for one in result.training) <= 300
    assert all(one.learned_return != one.true_return for one in result.training)
    assert dreamer.last_checkpoint(place / "sheeprl").stem.split("_")[1] == "300"
