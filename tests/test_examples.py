"""The examples run, shrunken, and show what they are there to show."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.envs.conftest import ale, dmc, frames  # noqa: F401
from tsreward.recipes import adversarial

pytestmark = pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning")  # data unlike the model's

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_own_scorer() -> None:
    normal, hasty = runpy.run_path(str(EXAMPLES / "own_scorer.py"))["main"]()
    assert normal > 0.5 > 0.1 > hasty


def test_safety_penalty() -> None:
    vanilla, penalised = runpy.run_path(str(EXAMPLES / "safety_penalty.py"))["main"](steps=12_288)
    assert penalised.cost_rate < 0.5 * vanilla.cost_rate


def test_log_detection() -> None:
    values = runpy.run_path(str(EXAMPLES / "log_detection.py"))["main"]()
    assert values["ensemble"] > 0.8 > 0.5 > values["z_norm"]


def taught(names: dict[str, Any], act: Callable, patch: pytest.MonkeyPatch) -> list[Any]:
    """Return what the module of these `names` will have trained; each agent acts as `act` says after its training.

    A shrunken agent is still clumsy, and any return would do for it; so only the agent's own return can be a good one.
    """
    trained, train = [], names["train_agent"]

    def train_and_teach(*args: Any, **options: Any) -> Any:
        agent = train(*args, **options)
        assert agent.algorithm._n_updates > 0
        assert options["active"].refreshes > 0
        trained.append(agent)
        seen = agent.algorithm.get_vec_normalize_env()
        agent.algorithm.predict = lambda obs, **_: (act(obs if seen is None else seen.unnormalize_obs(obs)), None)
        return agent

    patch.setitem(names, "train_agent", train_and_teach)
    return trained


def shortened(file: str, steps: int = 600) -> Callable[..., Any]:
    """Return what an example does, with episodes of so many simulated steps, four a decision: the pole falls soon."""
    main = runpy.run_path(str(EXAMPLES / file))["main"]
    main.__globals__["ENV"] += f":max_episode_steps={steps}"
    return main


@pytest.mark.usefixtures("frames")
def test_video_likelihood(tmp_path: Path) -> None:
    main = runpy.run_path(str(EXAMPLES / "video_likelihood.py"))["main"]
    good, bad, auc = main(epochs=1, episodes=2, out=tmp_path / "strip.png")
    assert auc > 0.9
    assert bad > 2 * good
    assert (tmp_path / "strip.png").stat().st_size > 1_000


@pytest.mark.usefixtures("frames")
def test_masked_autoencoder(tmp_path: Path) -> None:
    main = shortened("masked_autoencoder.py")
    good, bad, auc = main(epochs=1, episodes=2, windows_per_epoch=320, out=tmp_path / "strip.png")
    assert auc > 0.6
    assert bad > good
    assert (tmp_path / "strip.png").stat().st_size > 1_000


@pytest.mark.usefixtures("frames")
def test_dreamer(tmp_path: Path) -> None:
    pytest.importorskip("sheeprl", reason="needs the extra 'dreamer': make test-dreamer")
    small = {"replay_ratio": 0.02, "batch_size": 2, "sequence_length": 16, "learning_starts": 500, "evaluations": 1}
    result = runpy.run_path(str(EXAMPLES / "dreamer.py"))["main"](550, tmp_path / "run", episodes=2, **small)
    assert len(result.training) == 2 and len(result.evaluation) == 1
    assert all(0 < one.learned_return < 250 and 100 < one.true_return < 1000 for one in result.training)


@pytest.mark.usefixtures("dmc")
def test_likeness_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    example = runpy.run_path(str(EXAMPLES / "likeness_sensors.py"))
    trained = taught(vars(adversarial), example["balance"], monkeypatch)
    expert, agent, reward = example["main"](steps=300, episodes=2)
    assert expert > 950
    assert reward > 0.8
    assert len(trained) == 1 and agent > 950


@pytest.mark.usefixtures("frames")
def test_likeness_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    example = runpy.run_path(str(EXAMPLES / "likeness_pixels.py"))
    trained = taught(example["main"].__globals__, example["balance"], monkeypatch)
    expert, agent = example["main"](steps=251, episodes=2)
    assert expert > 950
    assert len(trained) == 1 and agent > 950


@pytest.mark.usefixtures("ale")
def test_likeness_atari() -> None:
    main = runpy.run_path(str(EXAMPLES / "likeness_atari.py"))["main"]
    result = main(steps=512, length=50, episodes=2)
    assert (result.expert_return, result.random_return) == (1.0, 0.0)
    assert result.model.obs_shape == (42, 42, 3)


@pytest.mark.usefixtures("frames")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # transformers leaves its JSON open
def test_clip_features() -> None:
    pytest.importorskip("transformers", reason="needs the extra 'pixels'")
    expert, noise = runpy.run_path(str(EXAMPLES / "clip_features.py"))["main"](steps=15)
    assert expert > 0.5 > noise


def test_goal_video(frames: None) -> None:  # noqa: F811
    pytest.importorskip("metaworld", reason="needs the extra 'metaworld'")
    cosines = runpy.run_path(str(EXAMPLES / "goal_video.py"))["main"]()
    assert cosines["noisy expert"] > cosines["half expert"] > cosines["random"]
