"""Scripted environments that give tensors, in the conventions of ManiSkill 3 and of Isaac Lab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tsreward.sequences.episodes import Episode


class ScriptedTensors:
    """E environments that play their episodes one after the other, and reset those that ended inside the step.

    Args:
        episodes: of every environment.
        final: "mani_skill" gives `final_observation` and `final_info` with their masks in steps with an end;
            "isaac_lab" gives observations {"policy": [E, *obs]} and nothing of the last one, and writes all
            observations into the same memory.
    """

    def __init__(self, episodes: Sequence[Sequence[Episode]], final: str) -> None:
        self.episodes, self.final, self.num_envs, self.device = episodes, final, len(episodes), "cpu"
        self.buffer = torch.zeros(len(episodes), *episodes[0][0].obs.shape[1:])
        self.max_episode_length = 9

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        which = range(self.num_envs) if options is None else options["env_idx"].tolist()
        if options is None:
            self.number, self.at = [0] * self.num_envs, [0] * self.num_envs
        for index in which:
            self.at[index] = 0
        return self._given(), {}

    def step(self, actions: Tensor) -> tuple[Any, Tensor, Tensor, Tensor, dict[str, Any]]:
        self.at = [at + 1 for at in self.at]
        running = list(zip(self._running(), self.at, strict=True))
        ended = torch.tensor([at == len(episode) for episode, at in running])
        terminated = ended & torch.tensor([episode.terminated for episode, _ in running])
        rewards = torch.tensor([episode.rewards[at - 1] for episode, at in running], dtype=torch.float32)
        infos: dict[str, Any] = {"success": terminated.clone()}
        last = self._given()
        if ended.any():
            if self.final == "mani_skill":
                copied = last.clone()
                infos = {"success": torch.zeros_like(ended), "final_observation": copied, "final_info": infos}
                infos |= {"_final_info": ended, "_final_observation": ended}
            else:
                infos["time_outs"] = ended & ~terminated
            for index in ended.nonzero().flatten().tolist():
                self.number[index] = (self.number[index] + 1) % len(self.episodes[index])
                self.at[index] = 0
        return self._given(), rewards, terminated, ended & ~terminated, infos

    def _running(self) -> list[Episode]:
        return [episodes[number] for episodes, number in zip(self.episodes, self.number, strict=True)]

    def _given(self) -> Any:
        rows = [torch.tensor(e.obs[at]) for e, at in zip(self._running(), self.at, strict=True)]
        if self.final == "mani_skill":
            return torch.stack(rows)
        self.buffer.copy_(torch.stack(rows))
        return {"policy": self.buffer, "critic": self.buffer + 1}
