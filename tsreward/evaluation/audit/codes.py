"""Everything that an audit warns of, by code: what it means and what helps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A kind of warning."""

    meaning: str
    remedy: str


CODES = {
    "TSR001": Code(
        "Standing still is rewarded: the median state, held for a whole window, earns more than a tenth of what good "
        "behaviour earns.",
        "Give held windows as negatives or as probes to fit, take a shape of g that is anchored on them, or a window "
        "of at least 2 steps.",
    ),
    "TSR002": Code(
        "There is no way up: half-trained behaviour earns hardly more than a policy that looks at nothing.",
        "Learn from failures and half-trained behaviour too, or from the agent's own windows while it trains.",
    ),
    "TSR003": Code(
        "Something that is not good earns more than good behaviour does, in the mean and in most of its steps.",
        "Give that behaviour as negatives to fit, and audit again.",
    ),
    "TSR004": Code(
        "The reward is upside down: bad behaviour earns at least as much per step as good behaviour.",
        "Check that good and bad were not mixed up; then take another scorer, or give it negatives.",
    ),
    "TSR005": Code(
        "Ending early pays: episodes can end, and what follows in good ones, or a safe step under a penalty, earns "
        "less than nothing.",
        "Take a reward that is never negative (shape exponential or odds), or a smaller penalty weight.",
    ),
    "TSR006": Code(
        "A whole episode of something that is not good earns at least as much as a good one, by its length or by doing "
        "nothing.",
        "Make episodes of one length (a time limit, no early end), shift the reward, or look at the penalty weight.",
    ),
    "TSR007": Code(
        "Normal steps are flagged more than twice as often as was asked for.",
        "Calibrate on more episodes, of the kind that is being judged, that the scorer has not learned from.",
    ),
    "TSR008": Code(
        "The score separates steps with a cost too weakly from steps without: the lower bound of the ROC is not above "
        "0.9.",
        "Give windows with a cost as negatives (Deep SAD), from more than one agent; sort lidar where there is any.",
    ),
    "TSR009": Code(
        "The score is anti-predictive: steps with a cost look less strange than steps without.",
        "Do not train on it: a penalty would push the agent towards cost. Give windows with a cost as negatives.",
    ),
    "TSR010": Code(
        "Nearly all bad and half-trained steps earn the same: nothing tells a learner which way is better.",
        "Take a wider scale of g, or add an exploration bonus.",
    ),
    "TSR011": Code(
        "One feature alone moves the score.",
        "Look whether it gives the answer away (a clock, a score board, a start state), and leave it out.",
    ),
    "TSR012": Code(
        "The reward is fragile: noise of a fiftieth of each channel's spread costs good behaviour half of it, or "
        "flags a tenth more of its steps.",
        "Fit with noise on the inputs, take a shorter window, or smooth the scores.",
    ),
    "TSR013": Code(
        "The learned reward ranks episodes against the true one.",
        "See which behaviour earns too much in the scatter of returns, and give it as negatives.",
    ),
    "TSR014": Code(
        "There are fewer than five episodes of good or of bad behaviour: the intervals mean little.",
        "Record more episodes.",
    ),
    "TSR015": Code(
        "Cost still pays: with the penalty in it, a step with a cost earns no less than a safe one.",
        "Take a larger weight, or the form tail or constant, whose size follows the environment's reward.",
    ),
}
"""Code -> what it means. README.md explains them under the same numbers."""

DECISIVE = {
    True: frozenset({"TSR001", "TSR002", "TSR004", "TSR010"}),
    False: frozenset({"TSR005", "TSR007", "TSR008", "TSR009", "TSR015"}),
}
"""Codes for which a reward is rejected, by whether it replaces the environment's; all others are worth a look."""
