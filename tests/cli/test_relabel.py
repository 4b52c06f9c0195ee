"""`tsreward relabel`: learned rewards in, everything else as it was, and what they were made of beside them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tests.data.minari_sets import record
from tests.scripted import script, small_model
from tsreward.data.episodes import load_episodes
from tsreward.data.minari import load_minari
from tsreward.data.sources import digest
from tsreward.io import load, save
from tsreward.pipeline.relabel import relabel


def test_the_learned_rewards_take_their_place(made, tmp_path, document):
    out = tmp_path / "relabelled.npz"
    summary = document("relabel", made.episodes, "--model", made.model, "--out", out)
    before, after = load_episodes(made.episodes), load_episodes(out)
    earned = relabel(load(made.model), before)
    assert summary["episodes"] == len(after) == len(before)
    for old, new, step in zip(before, after, earned, strict=True):
        assert new.rewards.tolist() == step.reward.tolist()
        for name in ("obs", "costs", "actions"):
            assert np.array_equal(getattr(new, name), getattr(old, name))
        assert new.terminated == old.terminated
    assert summary["flagged"] == sum(int(step.is_anomaly.sum()) for step in earned) > 0
    with np.load(out) as arrays:
        assert np.array_equal(arrays["original_rewards"], np.concatenate([episode.rewards for episode in before]))
        metadata = json.loads(arrays["metadata"].tobytes())
    assert metadata["model"]["sha256"] == hashlib.sha256(made.model.read_bytes()).hexdigest()
    assert metadata["data"]["sha256"] == hashlib.sha256(made.episodes.read_bytes()).hexdigest()


def test_relabelling_again_starts_from_the_original_rewards(made, tmp_path, document):
    once, twice = tmp_path / "once.npz", tmp_path / "twice.npz"
    document("relabel", made.episodes, "--model", made.model, "--out", once)
    document("relabel", once, "--model", made.model, "--out", twice)
    with np.load(once) as first, np.load(twice) as second:
        assert first.files == second.files
        assert all(np.array_equal(first[name], second[name]) for name in first.files if name != "metadata")


@pytest.mark.parametrize("which", ["episodes", "model"])
def test_its_input_is_not_overwritten(which, made, tmp_path, complaint):
    link = tmp_path / "link.npz"
    link.hardlink_to(getattr(made, which))
    before = link.read_bytes()
    message = complaint("relabel", made.episodes, "--model", made.model, "--out", link)
    assert "which is not overwritten: name another file" in message
    assert link.read_bytes() == before


def test_a_penalty_needs_the_rewards_of_the_environment(made, tmp_path, complaint):
    with np.load(made.episodes) as arrays:
        np.savez(tmp_path / "bare.npz", **{name: arrays[name] for name in ("obs", "lengths", "terminated")})
    out = tmp_path / "out.npz"
    message = complaint("relabel", tmp_path / "bare.npz", "--model", made.model, "--out", out)
    assert "has no rewards" in message
    assert "--reward likeness" in message
    assert not out.exists()


def test_other_kinds_of_files_are_refused(made, tmp_path, complaint):
    message = complaint("relabel", made.episodes, "--model", made.model, "--out", tmp_path / "out.csv")
    assert "files that end with .npz" in message


def test_relabel_writes_a_new_minari_dataset(tmp_path, monkeypatch, document, complaint):
    import minari

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    rng = np.random.default_rng(0)
    record("walk-v0", [script(rng, length) for length in (9, 4)])
    save(small_model(), tmp_path / "model.safetensors")
    arguments = ("relabel", "minari:walk-v0", "--model", tmp_path / "model.safetensors", "--out", "minari:new/walk-v0")
    summary = document(*arguments)
    earned = relabel(small_model(), load_minari("walk-v0"))
    made = minari.load_dataset("new/walk-v0")
    assert [made[index].rewards.tolist() for index in range(2)] == [step.reward.tolist() for step in earned]
    note = made.storage.metadata["tsreward"]
    assert note["data"] == {"file": "minari:walk-v0", "sha256": digest(Path("minari:walk-v0"))}
    assert note["model"]["sha256"] == digest(tmp_path / "model.safetensors")
    assert (summary["episodes"], summary["steps"], summary["file"]) == (2, 13, "minari:new/walk-v0")
    assert "exists already, and Minari would append to it: choose a new id" in complaint(*arguments)
