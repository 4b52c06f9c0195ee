"""`ActiveRewards`: off-policy algorithms learn from a reward model as it is now, which may learn from the agent."""

from __future__ import annotations

from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from tsreward.errors import ProtocolError
from tsreward.functional.seeding import generator
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.sb3.feature_vec_env import FeatureVecEnv
from tsreward.sb3.outer_wrappers import outer_normaliser
from tsreward.sb3.replay_buffer import WindowReplayBuffer


class ActiveRewards(BaseCallback):
    """Let SAC or TD3, of Stable-Baselines3 or sbx, learn from the rewards of the model of `venv`.

    `SAC("MlpPolicy", venv).learn(steps, callback=ActiveRewards(venv, learner))`: every `learner.options.every`
    decisions the learner gets a refresh on the agent's latest windows, and from then on every sample has the rewards of
    the new scorer. Without a learner the model stays as it is. The replay buffer is a `WindowReplayBuffer`, also
    afterwards, so that training may go on.

    A `bonus` is added to what is sampled. It learns when the learner does (without one, every 32 decisions), from every
    window that the agent has been in since, once. The logger gets `active/refreshes` and `active/loss`.

    Raises:
        ProtocolError: when training starts, the algorithm is not off-policy, `venv` is not what it trains on or has
            another model than the learner, its rewards are normalised, or its replay buffer is not a plain one that is
            empty.
        OptionError: when training starts, the model smooths scores over time.
    """

    def __init__(
        self, venv: FeatureVecEnv, learner: ActiveLearner | None = None, bonus: ExplorationBonus | None = None
    ) -> None:
        super().__init__()
        if learner is not None and learner.model is not venv.model:
            raise ProtocolError("ActiveRewards got a learner of another model than its venv's: give both the same.")
        self._venv, self._learner, self._bonus = venv, learner, bonus
        options = ActiveLearnerOptions() if learner is None else learner.options
        self._every, self._recent = options.every, options.recent
        self._draw = generator(options.seed, 3)
        self._last = 0
        self._seen = 0

    def _on_training_start(self) -> None:
        if not isinstance(self.model, OffPolicyAlgorithm):
            raise ProtocolError(
                f"ActiveRewards is for SAC and TD3, got {type(self.model).__name__}: on-policy algorithms take "
                f"ActiveRollouts(venv)."
            )
        normaliser = outer_normaliser(self.training_env, self._venv)
        if normaliser is not None and normaliser.norm_reward:
            raise ProtocolError(
                "ActiveRewards got a VecNormalize that normalises rewards, which are not known before they are "
                "sampled: use VecNormalize(venv, norm_reward=False)."
            )
        buffer = self.model.replay_buffer
        if not (isinstance(buffer, WindowReplayBuffer) and buffer.is_for(self._venv)):
            if type(buffer) is not ReplayBuffer or buffer.size():
                rows = 0 if buffer is None else buffer.size()
                raise ProtocolError(
                    f"ActiveRewards fills an empty plain ReplayBuffer, got {type(buffer).__name__} with {rows} rows: "
                    f"make the algorithm anew, without a buffer of its own."
                )
            self.model.replay_buffer = buffer = WindowReplayBuffer(buffer, self._venv, self._bonus)
        buffer.renew()
        self._last, self._seen = self.num_timesteps, buffer.added
        self._venv.taken = True

    def _on_step(self) -> bool:
        # This step's transition is stored after the callbacks.
        if self.num_timesteps - self._last >= self._every and self._buffer.size():
            self._last = self.num_timesteps
            self._refresh()
        return True

    def _on_training_end(self) -> None:
        self._venv.taken = False

    @property
    def _buffer(self) -> WindowReplayBuffer:
        assert isinstance(self.model, OffPolicyAlgorithm)
        assert isinstance(self.model.replay_buffer, WindowReplayBuffer)
        return self.model.replay_buffer

    def _refresh(self) -> None:
        buffer, learner = self._buffer, self._learner
        if self._bonus is not None and buffer.added > self._seen:
            self._bonus.update(buffer.latest(buffer.added - self._seen))
        self._seen = buffer.added
        if learner is not None:
            learner.refresh(lambda number: buffer.recent(number, self._recent, self._draw))
            buffer.renew()
            self.logger.record("active/refreshes", learner.refreshes)
            self.logger.record("active/loss", learner.loss)
