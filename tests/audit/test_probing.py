"""Probes are what they say, and n puts them on the scale of good behaviour."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.audit.circles import circles, moving_model, still
from tsreward.audit.behaviour import observe
from tsreward.audit.probing import Scale, blind_levels, feature_probes, hold, observation_probes, probe, within


def test_probes_of_features():
    episodes = [torch.from_numpy(episode.obs) for episode in circles(0, episodes=3, steps=21)]
    before = [episode.clone() for episode in episodes]
    made = feature_probes(episodes, window=4, seed=0)
    for name, probes in made.items():
        assert [part.shape for part in probes] == [part.shape for part in episodes], name
    store = torch.cat(episodes)
    for part, episode in zip(made["frozen_first"], episodes, strict=True):
        assert (part == episode[0]).all()
    typical = made["frozen_typical"][0]
    assert (typical == typical[0]).all()
    assert (store == typical[0]).all(1).any()
    spliced = torch.cat(made["spliced"])
    assert all((store == row).all(1).any() for row in spliced)
    jumps = (made["spliced"][0][1:] - made["spliced"][0][:-1]).norm(dim=1)
    assert (jumps[1::2] > 0.5).float().mean() > 0.5  # a jump wherever two steps are joined to two others
    assert all(torch.equal(part, kept) for part, kept in zip(episodes, before, strict=True))


def test_splicing_episodes_that_are_shorter_than_a_stretch():
    made = feature_probes([torch.zeros(2, 1), torch.ones(9, 1)], window=16, seed=0)["spliced"]
    assert [len(part) for part in made] == [2, 9]


def test_probes_of_observations():
    observations = [episode.obs for episode in circles(0, episodes=2)]
    made = observation_probes(observations, seed=0)
    assert all(part.dtype == np.float32 for parts in made.values() for part in parts)
    spread = np.concatenate(observations).std(axis=0)
    assert not np.concatenate(made["zero"]).any()
    np.testing.assert_allclose(
        made["out_of_range"][0] - observations[0], np.broadcast_to(10 * spread, (81, 2)), rtol=1e-5
    )
    noise = (np.concatenate(made["noise"]) - np.concatenate(observations)) / spread
    assert noise.std() == pytest.approx(0.02, rel=0.1)


def test_probes_of_pictures_are_bytes():
    observations = [np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)]
    made = observation_probes(observations, seed=0)
    assert all(part.dtype == np.uint8 for parts in made.values() for part in parts)
    assert (made["out_of_range"][0] == 255).all()
    change = made["noise"][0].astype(int) - observations[0]
    assert 0 < np.abs(change).mean() < 4
    assert np.abs(change).max() < 20  # nothing wraps round


def test_a_channel_that_never_moves_leaves_its_range_too():
    far = observation_probes([np.tile([[1.0, 0.0]], (4, 1)) * [[1], [2], [3], [4]]], seed=0)["out_of_range"][0]
    assert (far[:, 1] > 0).all()


@pytest.mark.parametrize(("steps", "expected"), [(5, 1), (10, 1), (20, 2), (29, 2), (99, 3)])
def test_within(steps, expected):
    assert within([10, 10, 10], steps) == expected


def test_the_scale():
    scale = Scale(good=3.0, bad=1.0)
    assert (scale(1.0), scale(3.0), scale(2.0), scale(5.0)) == (0.0, 1.0, 0.5, 2.0)
    assert Scale(good=1.0, bad=1.0)(0.5) is None


def test_a_model_of_places_pays_for_standing_still_and_one_of_windows_does_not():
    levels, states = {}, {}
    for steps in ("last", "window"):
        model = moving_model(steps)
        good, bad = observe(model, "good", circles(1)), observe(model, "bad", circles(2, 0.0))
        scale = Scale(good.rated.level, bad.rated.level)
        levels[steps] = {row.name: row.n for row in probe(model, good, scale, seed=0)}
        lazy = blind_levels({"still": observe(model, "still", still(3))}, scale)
        levels[steps]["still"] = lazy[0].n
        assert lazy[0].kind == "blind"
        states[steps] = hold(model, [good, bad], scale, seed=0)
    for name in ("frozen_first", "still", "reversed", "shuffled", "looped", "spliced"):
        assert levels["last"][name] > 0.8 > levels["window"][name], name
    for name in ("zero", "out_of_range"):
        assert levels["window"][name] < 0.05
    assert levels["window"]["noise"] > 0.8
    assert states["last"].good_median > 0.8 > 0.2 > states["window"].median
    assert states["window"].states == 2 * 648
    assert sorted(states["last"].quantiles) == list(states["last"].quantiles)
