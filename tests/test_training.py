"""The gradient loop: resumed equals straight, the best weights are kept, damaged and foreign states are refused."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from tests.hanging import must_end
from tests.worlds import waves
from tsreward.errors import CheckpointError, DataError, OptionError
from tsreward.files import write_atomic
from tsreward.sequences.windows import WindowSet
from tsreward.training import Loss, TrainOptions, train

OPTIONS = TrainOptions(windows_per_epoch=None, epochs=6, batch_size=64, learning_rate=1e-2)


@pytest.fixture(scope="module")
def parts(seed: int) -> tuple[WindowSet, WindowSet]:
    return WindowSet.from_episodes(waves(seed, episodes=6, steps=60), window=3).split(0.3, seed)


def network(hidden: int = 8) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return nn.Sequential(nn.Flatten(), nn.Linear(10, hidden), nn.Tanh(), nn.Linear(hidden, 5))


def forecast_loss(module: nn.Module) -> Loss:
    def loss(good: Tensor, bad: Tensor | None, noise: torch.Generator) -> Tensor:
        jitter = 0.1 * torch.randn(len(good), 2, 5, generator=noise)
        error = (module(good[:, :2] + jitter) - good[:, 2]).square().mean()
        return error if bad is None else error - 0.01 * module(bad[:, :2]).square().mean()

    return loss


def trained(
    parts: tuple[WindowSet, WindowSet], options: TrainOptions, module: nn.Module | None = None, **given: Any
) -> nn.Module:
    module = network() if module is None else module
    train(module, forecast_loss(module), parts, given.get("negative"), options, given.get("report"))
    return module


def same(first: nn.Module, second: nn.Module) -> bool:
    return all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize("cut", [1, 3, 6])
@pytest.mark.parametrize("with_negative", [False, True])
def test_resumed_equals_straight(
    parts: tuple[WindowSet, WindowSet], tmp_path: Path, cut: int, with_negative: bool
) -> None:
    negative = parts if with_negative else None
    straight = trained(parts, OPTIONS, negative=negative)
    options = replace(OPTIONS, state=tmp_path / "state")
    trained(parts, replace(options, epochs=cut), negative=negative)
    assert same(trained(parts, options, negative=negative), straight)


def test_a_finished_run_is_only_loaded(parts: tuple[WindowSet, WindowSet], tmp_path: Path) -> None:
    options, seen = replace(OPTIONS, state=tmp_path / "state"), []
    first = trained(parts, options)
    second = trained(parts, options, report=lambda *progress: seen.append(progress))
    assert same(first, second)
    assert seen == []


def test_the_report_counts_epochs_and_the_loss_falls(parts: tuple[WindowSet, WindowSet]) -> None:
    seen = []
    trained(parts, OPTIONS, report=lambda *progress: seen.append(progress))
    assert [(done, most) for done, most, _ in seen] == [(epoch, 6) for epoch in range(1, 7)]
    assert seen[-1][2] < 0.8 * seen[0][2]


def test_early_stopping_keeps_the_best_weights(parts: tuple[WindowSet, WindowSet]) -> None:
    module, history = network(), []

    def watch(epoch: int, most: int, held: float) -> None:
        history.append((held, {name: value.clone() for name, value in module.state_dict().items()}))

    trained(parts, replace(OPTIONS, epochs=200, patience=2, learning_rate=0.3), module, report=watch)
    losses = [held for held, _ in history]
    best = losses.index(min(losses))
    assert len(history) == best + 1 + 2 < 200
    assert all(torch.equal(value, history[best][1][name]) for name, value in module.state_dict().items())
    assert not module.training


@pytest.mark.parametrize("passes", [0.4, 1.0, 2.5])
def test_an_epoch_draws_as_many_windows_as_asked(parts: tuple[WindowSet, WindowSet], passes: float) -> None:
    asked = round(passes * len(parts[0]))
    module, sizes = network(), []
    inner = forecast_loss(module)

    def loss(good: Tensor, bad: Tensor | None, noise: torch.Generator) -> Tensor:
        if module.training:
            sizes.append(len(good))
        return inner(good, bad, noise)

    train(module, loss, parts, None, replace(OPTIONS, epochs=2, windows_per_epoch=asked))
    assert sum(sizes) == 2 * asked and set(sizes[:-1]) <= {64, asked % 64}


def test_the_global_generator_is_never_touched(parts: tuple[WindowSet, WindowSet]) -> None:
    module, before = network(), torch.get_rng_state()
    trained(parts, OPTIONS, module)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loss_that_is_not_finite_is_refused(parts: tuple[WindowSet, WindowSet]) -> None:
    module = network()

    def loss(good: Tensor, bad: Tensor | None, noise: torch.Generator) -> Tensor:
        return module(good[:, :2]).exp().sum() * torch.inf

    with pytest.raises(DataError, match=r"held-out loss became (inf|nan) in epoch 1: lower the learning rate \(0.01\)"):
        train(module, loss, parts, None, OPTIONS)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "one bit": lambda content: content[:-500] + bytes([content[-500] ^ 1]) + content[-499:],
    "header": lambda content: b"\xff" * 8 + content[8:],
    "not a state": lambda content: b"hello",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_refused(parts: tuple[WindowSet, WindowSet], tmp_path: Path, damage: str) -> None:
    options = replace(OPTIONS, epochs=1, state=tmp_path / "state")
    trained(parts, options)
    write_atomic(tmp_path / "state", DAMAGE[damage]((tmp_path / "state").read_bytes()))
    with pytest.raises(CheckpointError, match="state is damaged: delete it to start anew"):
        trained(parts, options)


def test_the_state_of_another_run_is_refused(parts: tuple[WindowSet, WindowSet], tmp_path: Path) -> None:
    options = replace(OPTIONS, epochs=1, state=tmp_path / "state")
    trained(parts, options)
    others = {
        "options": lambda: trained(parts, replace(options, seed=9)),
        "data": lambda: trained((parts[0].map(lambda rows: rows + 1), parts[1]), options),
        "windows": lambda: trained((parts[0].where(torch.arange(len(parts[0])) > 0), parts[1]), options),
        "negative": lambda: trained(parts, options, negative=parts),
        "network": lambda: trained(parts, options, network(hidden=9)),
    }
    for other in others.values():
        with pytest.raises(CheckpointError, match="belongs to other options or data: delete it or name another file"):
            other()


def test_more_epochs_continue_the_same_run(parts: tuple[WindowSet, WindowSet], tmp_path: Path) -> None:
    seen, options = [], replace(OPTIONS, epochs=2, state=tmp_path / "state")
    trained(parts, options)
    trained(parts, replace(options, epochs=4), report=lambda *progress: seen.append(progress[0]))
    assert seen == [3, 4]


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience"])
def test_counts_below_one_are_refused(name: str) -> None:
    with pytest.raises(OptionError, match=f"TrainOptions.{name} must be an integer >= 1, got 0"):
        TrainOptions(**{name: 0})


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_the_held_out_share_lies_between_0_and_1(share: float) -> None:
    with pytest.raises(OptionError, match=r"TrainOptions.held_out must be a number in \(0, 1\)"):
        TrainOptions(held_out=share)


def forged(content: bytes, edit: Callable[[dict[str, str], dict[str, Tensor]], object]) -> bytes:
    """Change a state and write its digest anew."""
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    tensors = safetensors.torch.load(content[:-32])
    edit(metadata, tensors)
    data = safetensors.torch.save(tensors, metadata)
    return data + hashlib.sha256(data).digest()


FORGED: dict[str, Callable[[dict[str, str], dict[str, Tensor]], object]] = {
    "no run": lambda metadata, tensors: metadata.pop("run"),
    "no position": lambda metadata, tensors: metadata.pop("position"),
    "no JSON": lambda metadata, tensors: metadata.update(position="{"),
    "a list": lambda metadata, tensors: metadata.update(position="[]"),
    "no epoch": lambda metadata, tensors: metadata.update(position='{"without_better": 0, "best_loss": "0x0p+0"}'),
    "an epoch before the first": lambda metadata, tensors: metadata.update(
        position='{"epoch": -1, "without_better": 0, "best_loss": "0x0p+0"}'
    ),
    "no loss": lambda metadata, tensors: metadata.update(
        position='{"epoch": 1, "without_better": 0, "best_loss": "low"}'
    ),
    "a weight less": lambda metadata, tensors: tensors.pop(next(name for name in tensors if name.startswith("now/"))),
    "a best weight less": lambda metadata, tensors: tensors.pop(
        next(name for name in tensors if name.startswith("best/"))
    ),
    "another weight": lambda metadata, tensors: tensors.update({"best/more": torch.zeros(1)}),
    "a moment of nothing": lambda metadata, tensors: tensors.update({"adam/x/exp_avg": torch.zeros(1)}),
}


@pytest.mark.parametrize("edit", FORGED)
def test_a_forged_state_is_refused(parts: tuple[WindowSet, WindowSet], tmp_path: Path, edit: str) -> None:
    options = replace(OPTIONS, epochs=1, state=tmp_path / "state")
    trained(parts, options)
    write_atomic(tmp_path / "state", forged((tmp_path / "state").read_bytes(), FORGED[edit]))
    with pytest.raises(CheckpointError, match=r"state holds no state of a training \(.*: delete it to start anew"):
        trained(parts, options)


def test_a_state_that_is_a_pipe_is_refused(parts: tuple[WindowSet, WindowSet], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state")
    with must_end(60), pytest.raises(CheckpointError, match="state is no file: name another one"):
        trained(parts, replace(OPTIONS, epochs=1, state=tmp_path / "state"))
