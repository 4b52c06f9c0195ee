"""`RewardWatch`: says in a training what is going wrong with its reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from tsreward.data.alarms import DEFAULT, Alarm, Alarms
from tsreward.data.episode_rows import EpisodeRow
from tsreward.errors import ProtocolError
from tsreward.named_warnings import warn
from tsreward.options import Options
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.sb3.episode_rows import EpisodeLog, EpisodeRows
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.vec_env import LearnedRewardVecEnv


@dataclass(frozen=True)
class WatchOptions(Options):
    """What a watch listens for, and what it does then."""

    on_alarm: Literal["warn", "stop", "off"] = "warn"
    """warn: an alarm is a named warning. stop: it also ends the training. off: nothing is watched."""
    alarms: tuple[str, ...] = DEFAULT
    """Codes of the alarms that may ring, of TSR101 to TSR108."""

    def check(self) -> None:
        Alarms(self.alarms)

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of the alarms that are listened for."""
        return () if self.on_alarm == "off" else self.alarms


class RewardWatch(EpisodeRows):
    """Watch what a reward does to an agent, and ring where it goes wrong (`tsreward.data.alarms`).

    `PPO("MlpPolicy", venv).learn(steps, callback=[LearnedRewardCallback(venv), RewardWatch(venv, expert)])`, or any
    other algorithm; put it behind `LearnedRewardCallback`. The logger gets the figures of the latest episode, by their
    names in `EpisodeRow`, as `watch/...`, and the number of alarms as `watch/alarms`.

    Args:
        venv: the learned reward that is watched, or an `EpisodeRecorder`, for an agent on the environment's reward.
        expert: what episodes are compared with, in features of the model of `venv` (of the record: in observations);
            without one, the alarms TSR101, TSR103, TSR105 and TSR108 never ring.
        options: which alarms, and what becomes of them.
        on_alarm: called with every alarm, in place of a warning; where it returns False the training ends.
        log: is given the row of every episode.
        earlier: rows of the training that this one goes on with.

    Raises:
        ProtocolError: `venv` is of another kind.
    """

    def __init__(
        self,
        venv: VecEnv,
        expert: ExpertWindows | None = None,
        options: WatchOptions = WatchOptions(),
        on_alarm: Callable[[Alarm], Any] | None = None,
        log: EpisodeLog | None = None,
        earlier: Sequence[EpisodeRow] = (),
    ) -> None:
        inner, record = venv, None
        while isinstance(inner, VecEnvWrapper) and record is None:
            record, inner = inner if isinstance(inner, EpisodeRecorder) else None, inner.venv
        learned = venv if isinstance(venv, LearnedRewardVecEnv) else None
        if learned is None and not isinstance(venv, EpisodeRecorder):
            raise ProtocolError(
                f"RewardWatch watches a LearnedRewardVecEnv or an EpisodeRecorder, got {type(venv).__name__}: give it "
                f"the one that the algorithm trains on."
            )
        super().__init__(self._hear, record, learned, expert)
        self.options = options
        self.rung: list[Alarm] = []
        """The alarms that rang, in their order; those of `earlier` rows are not among them."""
        self._forward, self._on_alarm, self._stop = log, on_alarm, False
        self._alarms = Alarms(options.alarms)
        for row in earlier:
            self._alarms.add(row)

    def _on_step(self) -> bool:
        return super()._on_step() and not self._stop

    def _hear(self, row: EpisodeRow) -> None:
        if self._forward is not None:
            self._forward(row)
        for name in EpisodeRow._fields[1:]:
            if (value := getattr(row, name)) is not None:
                self.logger.record(f"watch/{name}", value)
        for alarm in self._alarms.add(row):
            self.rung.append(alarm)
            self._ring(alarm)
        self.logger.record("watch/alarms", len(self.rung))

    def _ring(self, alarm: Alarm) -> None:
        if self._on_alarm is not None:
            self._stop |= self._on_alarm(alarm) is False
            return
        self._stop |= self.options.on_alarm == "stop"
        ends = " The training ends here." if self._stop else ""
        warn(alarm.code, f"{alarm.in_words()}{ends}")
