"""`repair`: what attackers find becomes what the scorer learns to tell from the expert, and the search begins anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tsreward.audit.search.attack import RedTeam, red_team
from tsreward.audit.search.options import AttackOptions
from tsreward.distributed.running import PlaceOptions
from tsreward.errors import OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.sequences.episodes import Episode, safe_windows
from tsreward.training import TrainOptions
from tsreward.wrappers.obs_parts import ObsKey


@dataclass(frozen=True)
class Repaired:
    """A frozen reward, and the searches that it went through."""

    model: RewardModel
    searches: tuple[RedTeam, ...]
    """Of every round; the first one attacked the model that was given."""
    negatives: tuple[Episode, ...]
    """All that the scorer learned to tell from the expert."""

    @property
    def holds(self) -> bool:
        """Tell whether the last search found no exploit."""
        return not self.searches[-1].exploits


def repair(
    model: RewardModel,
    env: str,
    expert: Sequence[Episode],
    good: Sequence[Episode],
    bad: Sequence[Episode],
    rounds: int = 5,
    options: AttackOptions = AttackOptions(),  # noqa: B008 - frozen
    train: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
    action_repeat: int = 1,
    costs: Costs = CostOptions(),  # noqa: B008 - frozen
    obs_key: ObsKey | None = None,
    place: PlaceOptions = PlaceOptions(),  # noqa: B008 - frozen
) -> Repaired:
    """Search for exploits and fit the scorer anew with them as negatives, until none is found or the rounds are over.

    This is counterexample-guided: every search attacks the reward of the round before, with seeds of its own. The model
    that is given stays as it is; the new one has a fresh scorer with the same options, and the same encoder.

    Args:
        model: a fitted model.
        env: id of the environment.
        expert: episodes that scorers learn from, with costs for a penalty.
        good: other episodes of the expert, for the searches; at least four.
        bad: episodes of behaviour not to reward; they are negatives from the first new fit on.
        rounds: fits at most; there is one search more.
        options: of each search.
        train: how networks are fitted.
        action_repeat: environment steps that every action is held for.
        costs: where the cost of a step is found.
        obs_key: what the model looks at of a Dict or a Tuple.
        place: where attackers search, see `red_team`.

    Raises:
        OptionError: the scorer does not learn from negatives, or no round.
        DataError, ShapeError, ProtocolError: as `red_team` and `RewardModel.fit`.
    """
    if rounds < 1:
        raise OptionError(f"repair needs one round or more, got {rounds}.")
    if not model.scorer.uses_negative:
        raise OptionError(
            f"{type(model.scorer).__name__} does not learn from negatives, so nothing can be repaired: take DeepSVDD, "
            f"Discriminator, TransformerAE or LSTMVAE."
        )
    current, searches, negatives = model, [], list(bad)
    for number in range(rounds + 1):
        attack = replace(options, seed=options.seed + 1_000 * number)
        found = red_team(current, env, good, bad, attack, action_repeat, costs, obs_key, place)
        searches.append(found)
        if not found.exploits or number == rounds:
            break
        negatives += [episode for one in found.exploits for episode in one.behaviour.episodes]
        current = _fitted(model, expert, negatives, train)
    return Repaired(current, tuple(searches), tuple(negatives))


def _fitted(
    model: RewardModel, expert: Sequence[Episode], negatives: Sequence[Episode], train: TrainOptions
) -> RewardModel:
    """Return a model like this one, fitted on the expert and on the negatives."""
    scorer = type(model.scorer)(model.window, model.scorer.options)
    mode = type(model.mode)(model.mode.options)
    fresh = RewardModel(scorer, mode, model.encoder, model.frame_skip, model.chunk)
    if model.mode.replaces:
        obs, others = [each.obs for each in expert], [each.obs for each in negatives]
        return fresh.fit(obs, others, options=train, frames=model.frames)
    safe, unsafe = safe_windows([*expert, *negatives], model.window, model.frame_skip)
    rewards = np.concatenate([np.asarray(each.rewards) for each in expert])
    return fresh.fit(safe, unsafe, rewards=rewards, options=train, frames=model.frames)
