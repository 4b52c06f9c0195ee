"""The only gradient loop: seeded, resumable, early stop on held-out windows, CPU or CUDA."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load as deserialise
from safetensors.torch import save as serialise
from torch import Tensor, nn

from tsreward.errors import CheckpointError, DataError, OptionError, shown
from tsreward.files import write_atomic
from tsreward.functional.seeding import generator
from tsreward.options import Options, option
from tsreward.sequences.windows import WindowSet

Loss = Callable[[Tensor, Tensor | None, torch.Generator], Tensor]
"""(normal windows [B, K, D], negative windows [B', K, D] or None, generator for noise) -> scalar."""

Report = Callable[[int, int, float], None]
"""Called after every epoch with (epochs done, epochs at most, held-out loss)."""


@dataclass(frozen=True)
class TrainOptions(Options):
    """How a scorer is fitted."""

    epochs: int = 30
    """Epochs at most."""
    batch_size: int = 256
    learning_rate: float = option(1e-3, below=1e3)
    weight_decay: float = option(1e-6, below=1e3)
    held_out: float = option(0.15, above=0, below=1)
    """Fraction of the normal episodes that decides when to stop."""
    patience: int = 8
    """Epochs without a better held-out loss before training stops; the best weights are kept."""
    windows_per_epoch: int | None = 20_000
    """Windows drawn in one epoch: a smaller set is gone through several times. None takes each window once."""
    seed: int = option(0, low=0, high=2**63 - 2)
    device: str = "cpu"
    state: Path | None = None
    """File that holds the state after every epoch; where it exists, training goes on from it."""

    def check(self) -> None:
        check_device("TrainOptions.device", self.device)


@torch.enable_grad()  # a caller may have them off
def train(
    module: nn.Module,
    loss: Loss,
    normal: tuple[WindowSet, WindowSet],
    negative: tuple[WindowSet, WindowSet] | None,
    options: TrainOptions,
    report: Report | None = None,
) -> None:
    """Minimise `loss` over `module`'s parameters; `normal` and `negative` are (training part, held-out part).

    Every epoch draws its order and its noise from (seed, epoch) alone, so a run that was cut off and resumed from
    `options.state` ends with the same weights as one that was not.

    Raises:
        DataError: the loss is not finite.
        CheckpointError: `options.state` is damaged or belongs to another run.
    """
    module.to(options.device)
    normal_train, normal_held = (part.to(options.device) for part in normal)
    negative_train, negative_held = (part.to(options.device) for part in negative) if negative else (None, None)
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=options.learning_rate, weight_decay=options.weight_decay)
    progress = _Progress(options.state, lambda: _run(module, normal_train, negative_train, options))
    progress.restore(module, optimiser)

    total = options.windows_per_epoch or len(normal_train)
    while progress.epoch < options.epochs and progress.without_better < options.patience:
        noise = generator(options.seed, progress.epoch)
        module.train()
        for batch in _order(len(normal_train), total, noise).split(options.batch_size):
            drawn = None if negative_train is None else _draw(negative_train, len(batch), noise)
            value = loss(normal_train.gather(batch.to(options.device)), drawn, noise)
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(parameters, 10.0)
            optimiser.step()
        module.eval()
        held = _held_out_loss(loss, normal_held, negative_held, options)
        if held != held or held in (float("inf"), float("-inf")):
            raise DataError(
                f"The held-out loss became {held} in epoch {progress.epoch + 1}: lower the learning rate "
                f"({options.learning_rate}) or check the scale of the data."
            )
        progress.note(module, held)
        progress.save(module, optimiser)
        if report is not None:
            report(progress.epoch, options.epochs, held)
    module.load_state_dict(progress.best)
    module.eval()


def check_device(option: str, name: str) -> None:
    """Check that tensors can be put on a device.

    Raises:
        OptionError: they cannot; `option` is what its name was given for.
    """
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        reason = str(error).partition("\n")[0]
        raise OptionError(f"{option} '{name}' cannot be used here ({reason}): take 'cpu'.") from error


def _order(number: int, total: int, noise: torch.Generator) -> Tensor:
    """Return `total` positions below `number`: whole shuffled passes, the last one cut."""
    passes = [torch.randperm(number, generator=noise) for _ in range(-(-total // number))]
    return torch.cat(passes)[:total]


def _draw(windows: WindowSet, number: int, noise: torch.Generator) -> Tensor:
    index = torch.randint(len(windows), (number,), generator=noise)
    return windows.gather(index.to(windows.last.device))


@torch.no_grad()
def _held_out_loss(loss: Loss, normal: WindowSet, negative: WindowSet | None, options: TrainOptions) -> float:
    """Average the loss over the held-out windows, 8,192 at most, with the same noise in every epoch."""
    noise, total, count = generator(options.seed, -1), 0.0, 0
    index = torch.randperm(len(normal), generator=generator(options.seed, -2))[:8192]
    for batch in index.split(1024):
        drawn = None if negative is None else _draw(negative, len(batch), noise)
        total += float(loss(normal.gather(batch.to(options.device)), drawn, noise)) * len(batch)
        count += len(batch)
    return total / count


def _run(module: nn.Module, normal: WindowSet, negative: WindowSet | None, options: TrainOptions) -> str:
    """Return a digest of all that a run's weights follow from: the module with its options, the data, the settings."""
    settings = {name: value for name, value in asdict(options).items() if name not in ("state", "device", "epochs")}
    digest = hashlib.sha256(json.dumps([repr(module), settings]).encode())
    for windows in (normal, negative):
        for part in () if windows is None else (windows.store, windows.last, windows.first):
            digest.update(f"{list(part.shape)}".encode())
            digest.update(part.cpu().contiguous().numpy().data)
    return digest.hexdigest()


class _Progress:
    """What has to survive a kill: epoch, best weights, weights, optimiser.

    The file is a safetensors file followed by its SHA-256: a flipped bit in a weight would load unseen otherwise.
    """

    def __init__(self, path: Path | None, run: Callable[[], str]) -> None:
        self.path = path
        self.run = None if path is None else run()
        self.epoch, self.without_better, self.best_loss = 0, 0, float("inf")
        self.best: dict[str, Tensor] = {}

    def note(self, module: nn.Module, held: float) -> None:
        self.epoch += 1
        if held < self.best_loss:
            self.best_loss, self.without_better = held, 0
            self.best = {name: value.detach().clone() for name, value in module.state_dict().items()}
        else:
            self.without_better += 1

    def save(self, module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        if self.path is None:
            return
        tensors = {f"now/{name}": value for name, value in module.state_dict().items()}
        tensors |= {f"best/{name}": value for name, value in self.best.items()}
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"adam/{index}/{name}": value for name, value in state.items()}
        position = {"epoch": self.epoch, "without_better": self.without_better, "best_loss": self.best_loss.hex()}
        metadata = {"run": str(self.run), "position": json.dumps(position)}
        data = serialise({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, metadata)
        write_atomic(self.path, data + hashlib.sha256(data).digest())

    def restore(self, module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        if self.path is None or not Path(self.path).exists():
            return
        if not Path(self.path).is_file():  # to open a pipe is to wait for ever
            raise CheckpointError(f"Training state {self.path} is no file: name another one.")
        try:
            content = Path(self.path).read_bytes()
        except OSError as error:
            raise CheckpointError(f"Training state {self.path} cannot be read ({error.strerror}).") from error
        data, digest = content[:-32], content[-32:]
        if hashlib.sha256(data).digest() != digest:
            raise CheckpointError(f"Training state {self.path} is damaged: delete it to start anew.")
        try:
            self._take(_metadata(data), deserialise(data), module, optimiser)
        except CheckpointError:
            raise
        except Exception as error:  # who writes a file on purpose can write its digest, and anything before it
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise CheckpointError(
                f"Training state {self.path} holds no state of a training ({reason}): delete it to start anew."
            ) from error

    def _take(
        self, metadata: dict[str, str], tensors: dict[str, Tensor], module: nn.Module, optimiser: torch.optim.Optimizer
    ) -> None:
        """Go on from what `save` wrote."""
        if metadata["run"] != self.run:
            raise CheckpointError(
                f"Training state {self.path} belongs to other options or data: delete it or name another file."
            )
        position = json.loads(metadata["position"])
        self.epoch, self.without_better = position["epoch"], position["without_better"]
        if not all(type(count) is int and count >= 0 for count in (self.epoch, self.without_better)):
            raise ValueError(f"an epoch of {shown(self.epoch)}")
        self.best_loss = float.fromhex(position["best_loss"])
        self.best = _part(tensors, "best/")
        if wrong := self.best.keys() ^ module.state_dict().keys():
            raise KeyError(f"best/{sorted(wrong)[0]}")
        module.load_state_dict(_part(tensors, "now/"))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _part(tensors, "adam/").items():
            index, _, key = name.partition("/")
            state.setdefault(int(index), {})[key] = value
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _metadata(data: bytes) -> dict[str, str]:
    """Return the metadata in the JSON header of a safetensors file, whose length is its first 8 bytes."""
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
