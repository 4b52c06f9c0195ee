"""`LearnedRewardVector` changes the rewards and adds its keys; it knows how the environments reset."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

from tests.scripted import DenseFinalObsEnv, ScriptedEnv, scripts, small_model
from tsreward.errors import ProtocolError
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector
from tsreward.wrappers.infos import EPISODE_KEYS, INFO_KEYS

OWN_KEYS = {mask + key for mask in ("", "_") for key in (*INFO_KEYS, *EPISODE_KEYS)}


def scripted(mode: AutoresetMode = AutoresetMode.NEXT_STEP, num_envs: int = 3) -> SyncVectorEnv:
    envs = SyncVectorEnv([partial(ScriptedEnv, played) for played in scripts(0, num_envs)], autoreset_mode=mode)
    assert envs.autoreset_mode is mode
    return envs


def play(envs: VectorEnv, steps: int, seed: int | None = None) -> list[tuple[Any, ...]]:
    """Return all that the environments give; where they do not reset by themselves, reset those that ended."""
    envs.action_space.seed(seed)
    given: list[tuple[Any, ...]] = [envs.reset(seed=seed)]
    for _ in range(steps):
        given.append(envs.step(envs.action_space.sample()))
        ended = given[-1][2] | given[-1][3]
        if envs.unwrapped.autoreset_mode is AutoresetMode.DISABLED and ended.any():
            given.append(envs.reset(options={"reset_mask": ended.copy()}))
    return given


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_everything_but_the_reward_is_left_as_it_is(mode: AutoresetMode, model: RewardModel) -> None:
    wrapped = LearnedRewardVector(scripted(mode), model)
    assert wrapped.unwrapped.autoreset_mode is mode
    assert wrapped.observation_space == scripted(mode).observation_space
    for wanted, found in zip(play(scripted(mode), 200, 3), play(wrapped, 200, 3), strict=True):
        if len(found) == 5:
            assert found[4]["original_reward"].tolist() == wanted[1].tolist()
            assert found[1].dtype == np.float64
            assert {key: found[4][key].dtype.kind for key in INFO_KEYS} == dict(zip(INFO_KEYS, "fffb", strict=True))
            rest = {key: value for key, value in found[4].items() if key not in OWN_KEYS}
            wanted, found = (*wanted[:1], *wanted[2:]), (found[0], *found[2:4], rest)
        assert data_equivalence(wanted, found, exact=True)


def test_the_cost_of_the_last_step_stays_where_gymnasium_puts_it(model: RewardModel) -> None:
    episodes = scripts(0, 2, lengths=(2, 3))
    for played in episodes:
        played[0].costs[-1] = 5.0
    envs = SyncVectorEnv([partial(ScriptedEnv, played) for played in episodes], autoreset_mode=AutoresetMode.SAME_STEP)
    given = play(LearnedRewardVector(envs, model), 3)
    assert envs.autoreset_mode is AutoresetMode.SAME_STEP
    assert given[2][4]["final_info"]["cost"].tolist() == [5.0, 0.0]
    assert given[2][4]["cost"][0] == 0.0
    assert given[2][4]["original_reward"][0] == episodes[0][0].rewards[-1]


def test_the_mode_is_asked_from_the_environment_and_not_from_shared_metadata(model: RewardModel) -> None:
    class Shared(ScriptedEnv):
        metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    episodes = scripts(0, 2)
    make = partial(SyncVectorEnv, [partial(Shared, played) for played in episodes])
    first, _ = make(autoreset_mode=AutoresetMode.SAME_STEP), make(autoreset_mode=AutoresetMode.DISABLED)
    assert first.metadata["autoreset_mode"] is not first.autoreset_mode, "metadata tells the truth: nothing is tested"
    given = play(LearnedRewardVector(first, model), 2)
    wanted = relabel(model, [episodes[0][0]])[0].reward.tolist()  # two steps, so the last one needs final_obs
    assert [step[1][0] for step in given[1:]] == wanted


@pytest.mark.parametrize("mode", ["SameStep", AutoresetMode.SAME_STEP])
def test_the_mode_may_be_in_the_metadata_alone(mode: Any, model: RewardModel) -> None:
    class Silent(DenseFinalObsEnv):
        autoreset_mode = None

    episodes = scripts(0, 1, lengths=(2, 3))
    envs = Silent([ScriptedEnv(episodes[0])])
    envs.metadata["autoreset_mode"] = mode
    wrapped = LearnedRewardVector(envs, model)
    wrapped.reset()
    rewards = [wrapped.step(np.zeros((1, 1)))[1][0] for _ in range(2)]
    assert rewards == relabel(model, [episodes[0][0]])[0].reward.tolist()


def test_an_unknown_mode_is_refused_except_where_gymnasium_has_but_one(
    model: RewardModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    envs = scripted()
    envs.autoreset_mode, envs.metadata = None, {}
    with pytest.raises(ProtocolError, match=r"must know how .* resets, got autoreset_mode None: set envs\.unwrapped"):
        LearnedRewardVector(envs, model)
    monkeypatch.delattr(gymnasium.vector, "AutoresetMode")  # as in Gymnasium 1.0
    LearnedRewardVector(envs, model)


def test_a_step_after_an_end_without_a_reset_is_refused(model: RewardModel) -> None:
    envs = LearnedRewardVector(scripted(AutoresetMode.DISABLED), model)
    envs.reset()
    actions = envs.action_space.sample()
    envs.step(actions)  # the first episode of the second environment has one step
    with pytest.raises(ProtocolError, match=r"Environment\(s\) \[1\] ended and autoreset is disabled: call reset\("):
        envs.step(actions)


def test_an_end_without_final_obs_is_refused(model: RewardModel) -> None:
    class Forgetful(DenseFinalObsEnv):
        def step(self, actions: Any) -> Any:
            *given, infos = super().step(actions)
            infos.pop("final_obs", None)
            return *given, infos

    envs = LearnedRewardVector(Forgetful([ScriptedEnv(scripts(0, 1)[0])]), model)
    envs.reset()
    envs.step(envs.action_space.sample())
    with pytest.raises(ProtocolError, match=r"Environment\(s\) \[0\] ended under .* without infos\['final_obs'\]"):
        envs.step(envs.action_space.sample())


def test_statistics_outside_sum_the_learned_rewards(model: RewardModel) -> None:
    episodes = scripts(0, 3)
    envs = LearnedRewardVector(scripted(), model)
    assert envs.unwrapped.autoreset_mode is AutoresetMode.NEXT_STEP
    returns = {}
    for _, _, _, _, infos in play(RecordEpisodeStatistics(envs), 9)[1:]:
        for index in np.flatnonzero(infos.get("_episode", np.zeros(3, bool))):
            returns.setdefault(int(index), infos["episode"]["r"][index])
    wanted = {index: relabel(model, [played[0]])[0].reward.sum().item() for index, played in enumerate(episodes)}
    assert returns == pytest.approx(wanted)


def test_infos_become_one_dict_per_environment(model: RewardModel) -> None:
    infos = play(DictInfoToList(LearnedRewardVector(scripted(), model)), 2)[-1][4]
    assert [INFO_KEYS[1] in info for info in infos] == [True, False, True]  # the second environment only reset


def test_environments_that_are_vectors_by_themselves() -> None:
    """CartPole's own vector form, against the observations that it gave."""
    model = small_model((4,), mode="likeness")
    envs = LearnedRewardVector(gymnasium.make_vec("CartPole-v1", 2, vectorization_mode="vector_entry_point"), model)
    assert envs.unwrapped.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    obs, _ = envs.reset(seed=0)
    seen, earned, done = [obs[0]], [], False
    while not done:
        obs, reward, terminated, truncated, _ = envs.step(np.ones(2, int))
        seen.append(obs[0])
        earned.append(reward[0])
        done = terminated[0] or truncated[0]
    assert earned == relabel(model, [Episode(np.array(seen))])[0].reward.tolist()
    assert envs.step(np.ones(2, int))[1][0] == 0.0
