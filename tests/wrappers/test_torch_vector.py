"""`LearnedRewardTorch` pays tensors in the conventions of ManiSkill 3 and Isaac Lab, and reads nothing back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.host_reads import HostReads
from tests.scripted import scripts, small_model
from tests.torch_worlds import ScriptedTensors
from tsreward.errors import DataError, NotFittedError, OptionError, ProtocolError, ShapeError, TSRewardWarning
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.torch_vector import LearnedRewardTorch, as_device_tensor

ENVS, STEPS = 5, 34


def played(wrapped: Any, steps: int = STEPS) -> list[tuple[Any, ...]]:
    given = [wrapped.reset()]
    return [*given, *(wrapped.step(torch.zeros(ENVS, 1)) for _ in range(steps))]


def earned_by(episodes: list[list[Episode]], model: RewardModel, repeat_last: bool) -> Tensor:
    """Return what the first 17 steps (one round) of every environment earn by `relabel`, [17, E]."""
    columns = []
    for own in episodes:
        seen = [
            Episode(np.concatenate([e.obs[:-1], e.obs[-2:-1]]), rewards=e.rewards) if repeat_last else e for e in own
        ]
        columns.append(torch.cat([step.reward for step in relabel(model, seen)]))
    return torch.stack(columns, 1)


@pytest.mark.parametrize("mode", ["penalty", "likeness"])
@pytest.mark.parametrize("final", ["mani_skill", "isaac_lab"])
def test_rewards_are_those_of_the_episodes(final: str, mode: str) -> None:
    model, episodes = small_model(mode=mode, smoothing=0.4), scripts(0, ENVS)
    known = {"final_obs": "final_observation"} if final == "mani_skill" else {"final_obs": None, "obs_key": "policy"}
    wrapped = LearnedRewardTorch(ScriptedTensors(episodes, final), model, **known)
    found = torch.stack([step[1] for step in played(wrapped)[1:]])
    wanted = earned_by(episodes, model, repeat_last=final == "isaac_lab")
    assert found.dtype == torch.float32 and found.shape == (STEPS, ENVS)
    assert torch.allclose(found, torch.cat([wanted, wanted]).float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("final", ["mani_skill", "isaac_lab"])
def test_everything_else_is_left_as_it_is(final: str) -> None:
    model, episodes = small_model(), scripts(1, ENVS)
    key = None if final == "mani_skill" else "policy"
    wrapped = LearnedRewardTorch(
        ScriptedTensors(episodes, final), model, obs_key=key, final_obs="final_observation" if key is None else None
    )
    assert wrapped.max_episode_length == 9 and isinstance(wrapped.unwrapped, ScriptedTensors)
    true = torch.zeros(ENVS, dtype=torch.float64)
    learned = true.clone()
    for wanted, got in zip(played(ScriptedTensors(episodes, final))[1:], played(wrapped)[1:], strict=True):
        assert torch.equal(wanted[2], got[2]) and torch.equal(wanted[3], got[3])
        assert torch.equal(got[4]["original_reward"], wanted[1])
        assert set(wanted[4]) <= set(got[4])
        assert got[4]["anomaly_score"].dtype == got[4]["anomaly_p_value"].dtype == torch.float32
        assert got[4]["is_anomaly"].dtype == torch.bool
        true, learned, ended = true + wanted[1], learned + got[1], wanted[2] | wanted[3]
        assert torch.equal(got[4]["_ep_true_rew"], ended)
        assert torch.allclose(got[4]["ep_true_rew"], true)
        assert torch.allclose(got[4]["ep_learned_rew"], learned, rtol=1e-4)
        true, learned = true.masked_fill(ended, 0), learned.masked_fill(ended, 0)


def test_nothing_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    model, episodes = small_model(), scripts(0, ENVS, lengths=(2, 1, 3))
    envs = ScriptedTensors(episodes, "mani_skill")
    recorded = played(envs, 12)
    monkeypatch.setattr(envs, "step", lambda actions: recorded.pop(0))
    monkeypatch.setattr(envs, "reset", lambda **kwargs: recorded.pop(0))
    wrapped = LearnedRewardTorch(envs, model, check_every=0)
    wrapped.stream.monitor = None  # reads the first 1,000 observations
    wrapped.stream._host = False  # as on a device that is not the host
    wrapped.reset()
    wrapped.step(None)
    with HostReads() as seen:
        for _ in range(10):
            wrapped.step(None)
    assert seen.operations > 100 and seen.reads == {}
    assert not recorded[0][1].is_inference()


def test_the_monitor_warns_of_other_units_and_is_done() -> None:
    episodes = scripts(0, ENVS)
    for episode in (episode for own in episodes for episode in own):
        episode.obs[:] *= 1000
    wrapped = LearnedRewardTorch(ScriptedTensors(episodes, "mani_skill"), small_model())
    assert wrapped.stream.monitor is not None
    with pytest.warns(TSRewardWarning, match="LearnedRewardTorch: 3 of 3 columns lie outside"):
        played(wrapped, 1000 // ENVS)
    assert wrapped.stream.monitor is None


def test_an_end_without_the_last_observation_is_an_error() -> None:
    envs = ScriptedTensors(scripts(0, ENVS, lengths=(3, 2)), "isaac_lab")
    wrapped = LearnedRewardTorch(envs, small_model(), obs_key="policy", check_every=4)
    with pytest.raises(ProtocolError, match=r"\[1, 3\] ended without infos\['final_observation'\].*final_obs=None"):
        played(wrapped, 2)
        wrapped.check()


def test_some_environments_are_reset_alone() -> None:
    model, episodes = small_model(mode="likeness"), scripts(0, ENVS, lengths=(9, 8))
    wrapped = LearnedRewardTorch(ScriptedTensors(episodes, "mani_skill"), model)
    played(wrapped, 3)
    wrapped.reset(options={"env_idx": torch.tensor([1, 4])})
    step = wrapped.step(None)
    for index in range(ENVS):
        wanted = relabel(model, [episodes[index][0]])[0].reward[0 if index in (1, 4) else 3]
        assert float(step[1][index]) == pytest.approx(float(wanted), rel=1e-5)


def test_arrays_of_other_libraries_go_in_and_out() -> None:
    class Foreign:
        """An array of a library that knows DLPack alone."""

        def __init__(self, tensor: Tensor) -> None:
            self.tensor = tensor

        def __dlpack__(self, **kwargs: Any) -> Any:
            return self.tensor.__dlpack__(**kwargs)

        def __dlpack_device__(self) -> Any:
            return self.tensor.__dlpack_device__()

    class Arrays(ScriptedTensors):
        def reset(self, **kwargs: Any) -> Any:
            return Foreign(super().reset(**kwargs)[0]), {}

        def step(self, actions: Any) -> Any:
            *four, infos = super().step(actions)
            infos |= {key: Foreign(infos[key]) for key in ("final_observation",) if key in infos}
            return *(Foreign(part) for part in four), infos

    model, episodes = small_model(), scripts(0, ENVS)
    plain = played(LearnedRewardTorch(ScriptedTensors(episodes, "mani_skill"), model), 12)
    foreign = played(LearnedRewardTorch(Arrays(episodes, "mani_skill"), model), 12)
    for one, other in zip(plain[1:], foreign[1:], strict=True):
        assert torch.equal(one[1], other[1])
        assert np.array_equal(np.from_dlpack(other[1]), one[1].numpy())
        assert np.from_dlpack(other[4]["anomaly_score"]).shape == (ENVS,)
    tensor = torch.ones(3)
    as_device_tensor(Foreign(tensor))[0] = 5
    assert tensor[0] == 5  # the same memory


def test_parts_of_observations() -> None:
    model, episodes = small_model(shape=(6,)), scripts(0, ENVS)
    envs = ScriptedTensors(episodes, "isaac_lab")
    wrapped = LearnedRewardTorch(envs, model, final_obs=None)  # critic and policy, side by side
    assert wrapped.reset()[0]["policy"].shape == (ENVS, 3)
    assert wrapped.step(None)[1].shape == (ENVS,)
    for key in (("policy",), lambda obs: obs["policy"]):
        assert LearnedRewardTorch(envs, small_model(), obs_key=key, final_obs=None).reset()
    with pytest.raises(OptionError, match=r"no 'actor' in the observations, which have \['critic', 'policy'\]"):
        LearnedRewardTorch(envs, model, obs_key="actor").reset()
    with pytest.raises(ShapeError, match=r"give \[5, 6\], but the model reads \[E, 3\]: name what it looks at"):
        LearnedRewardTorch(envs, small_model()).reset()
    with pytest.raises(OptionError, match="obs_key is a key, a tuple of keys or a function, got 3"):
        LearnedRewardTorch(envs, model, obs_key=3)  # type: ignore[arg-type]


def test_what_is_wrong_is_said() -> None:
    envs = ScriptedTensors(scripts(0, ENVS), "mani_skill")
    with pytest.raises(NotFittedError, match="LearnedRewardTorch got a model that is not fitted"):
        LearnedRewardTorch(envs, RewardModel(KNN(4), Likeness()))
    with pytest.raises(ProtocolError, match="Lagrangian nothing moves"):
        LearnedRewardTorch(envs, small_model(mode="lagrangian"))
    wrapped = LearnedRewardTorch(envs, small_model(), check_every=1)
    with pytest.raises(ProtocolError, match="a step before reset"):
        wrapped.step(None)
    with pytest.raises(ProtocolError, match="got a LearnedRewardTorch inside"):
        LearnedRewardTorch(wrapped, small_model())
    envs.episodes[0][0].obs[1] = np.nan
    wrapped.reset()
    with pytest.raises(DataError, match=r"Environment\(s\) \[0\] gave NaN or inf"):
        wrapped.step(None)
