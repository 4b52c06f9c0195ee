"""The codes of an audit: what each says, what helps, and which reject a reward."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A kind of warning."""

    title: str
    explanation: str
    remedy: str

    @property
    def meaning(self) -> str:
        """Return title and explanation as sentences."""
        return f"{self.title}: {self.explanation}"


CODES = {
    "TSR001": Code(
        "Standing still is rewarded",
        "the median state in which good behaviour does not stand still, held for a whole window, earns more than a "
        "tenth of what good behaviour earns.",
        "Give held windows to fit as negatives or as probes, take a transform g that is anchored on them, or a window "
        "of at least 2 steps.",
    ),
    "TSR002": Code(
        "No gradient between blind and half-trained policies",
        "half-trained behaviour earns hardly more than a policy that ignores its observations.",
        "Give failures and half-trained behaviour as negatives, or learn from the agent's own windows during training.",
    ),
    "TSR003": Code(
        "Something else earns more than good behaviour",
        "a probe or half-trained behaviour earns more than good behaviour does on average and in most of its steps.",
        "Give that behaviour to fit as negatives, and audit again.",
    ),
    "TSR004": Code(
        "Reward ordering is inverted",
        "bad behaviour earns at least as much per step as good behaviour.",
        "Check that good and bad are not mixed up. Then take another scorer, or give it negatives.",
    ),
    "TSR005": Code(
        "Early termination is rewarded",
        "episodes can end early, and the rewards that follow in good ones, or those of safe steps under a penalty, are "
        "negative on average.",
        "Take a reward that is never negative (transform exponential or odds), or a smaller penalty weight.",
    ),
    "TSR006": Code(
        "A bad episode returns as much as a good one",
        "a whole episode of other behaviour has at least the return of a good one, because of its length or because "
        "doing nothing pays.",
        "Make episodes of one length (a time limit, no early end), shift the reward, or change the penalty weight.",
    ),
    "TSR007": Code(
        "Too many false alarms",
        "normal steps are flagged more than twice as often as was asked for.",
        "Calibrate on more episodes, of the kind that is evaluated, that the scorer has not learned from.",
    ),
    "TSR008": Code(
        "Costs are separated too weakly",
        "the lower confidence bound of the ROC AUC of scores, of steps with a cost against steps without, is not above "
        "0.9.",
        "Give windows with a cost as negatives (Deep SAD), from more than one agent. Sort lidar where there is any.",
    ),
    "TSR009": Code(
        "The score is anti-predictive of cost",
        "steps with a cost have lower anomaly scores than steps without.",
        "Do not train on it: a penalty would push the agent towards cost. Give windows with a cost as negatives.",
    ),
    "TSR010": Code(
        "The reward is flat",
        "nearly all bad and half-trained steps earn the same, so that a learner sees no direction.",
        "Take a wider scale of the transform g, or add an exploration bonus.",
    ),
    "TSR011": Code(
        "One feature dominates",
        "a single feature alone moves the score.",
        "Check whether it gives the answer away (a clock, a score board, a start state), and leave it out.",
    ),
    "TSR012": Code(
        "The reward is fragile",
        "noise of a fiftieth of each channel's standard deviation halves the reward of good behaviour, or flags a "
        "tenth more of its steps.",
        "Fit with noise on the inputs, take a shorter window, or smooth the scores.",
    ),
    "TSR013": Code(
        "Learned and true returns rank episodes in opposite order",
        "their rank correlation is below 0.",
        "See in the scatter plot of returns which behaviour earns too much, and give it as negatives.",
    ),
    "TSR014": Code(
        "Too few episodes",
        "there are fewer than five episodes of good or of bad behaviour, so that the intervals say little.",
        "Record more episodes.",
    ),
    "TSR015": Code(
        "Cost still pays",
        "with the penalty included, a step with a cost earns no less than a safe one.",
        "Take a larger weight, or the form tail or constant, whose size follows the environment's reward.",
    ),
    "TSR016": Code(
        "An exploit was found",
        "a search in the environment found behaviour that is not what was meant, and the reward pays for it.",
        "Give its episodes to fit as negatives (audit --repair does so), or learn from the agent's own windows during "
        "training.",
    ),
    "TSR017": Code(
        "Windows that data allow are paid without being the expert's",
        "windows that climb the reward by its gradient, within the ranges that recorded data show, are paid like the "
        "expert's and are told from them. Whether the environment can show such windows is not known.",
        "Search in the environment (audit --env --search), or give such behaviour to fit as negatives.",
    ),
}
"""Code -> what it means."""

DECISIVE = {
    True: frozenset({"TSR001", "TSR002", "TSR004", "TSR010", "TSR016"}),
    False: frozenset({"TSR005", "TSR007", "TSR008", "TSR009", "TSR015", "TSR016"}),
}
"""Codes for which a reward is rejected, by whether it replaces the environment's; all others only warn."""

EXPLOITED, CLIMBED = "TSR016", "TSR017"
SIGNS = frozenset({"TSR001", "TSR002", "TSR010"})
"""Codes that foretell, from data alone, what a search sees: an exploit, or a reward that leads nowhere."""
