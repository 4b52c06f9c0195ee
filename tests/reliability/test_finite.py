"""Rewards are finite or refused, whatever stands in a log, and odd rows change no other row."""

from tests.reliability.finite import odd_arrays


def test_odd_numbers_are_scored_or_refused(seed):
    seen = odd_arrays(300, seed)
    assert +seen == {"scored": seen["scored"], "refused": seen["refused"]}
    assert min(seen["scored"], seen["refused"]) > 30
