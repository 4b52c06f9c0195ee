"""Windows per second of the scorers on one core: fitting and scoring, beside the figures of DeepOD's equal networks.

    python -m benchmarks.speed

38 channels, 32 steps, batches of 256, float32. DeepOD cannot be installed beside today's packages; its figures were
measured on another machine. The same networks in the usual way (windows copied, a DataLoader, torch's own layers) are
therefore measured in turns in the same run: that ratio holds whatever the machine.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.records import RESULTS, commit, device
from tsreward.detection.detectors.presets import DEFAULT, make_detector
from tsreward.files import write_atomic
from tsreward.functional.windows import sliding_windows
from tsreward.recipes.run_folder import installed_versions
from tsreward.scorers.base import Scorer
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.scorers.transformer_ae import TransformerAE, TransformerAEOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

WINDOW, DIM, BATCH, EPOCHS = 32, 38, 256, 4


@dataclass(frozen=True)
class Options:
    """How much to measure."""

    rows: int = 8_192
    rounds: int = 3
    out: Path = RESULTS / "speed.json"


class UsualGRU(nn.Module):
    """Last state of a GRU, without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(DIM, 64, batch_first=True, bias=False)
        self.out = nn.Linear(64, 32, bias=False)

    def forward(self, windows: Tensor) -> Tensor:
        return self.out(self.recurrent(windows)[0][:, -1])


class UsualTCN(nn.Module):
    """Dilated causal convolutions over all steps, of which the last one counts."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for depth in range(5):
            layers += [
                nn.ConstantPad1d((2**depth, 0), 0.0),
                nn.Conv1d(72 if depth else DIM, 72, 2, dilation=2**depth, bias=False),
                nn.LeakyReLU(0.1),
            ]
        self.layers, self.out = nn.Sequential(*layers), nn.Linear(72, 32, bias=False)

    def forward(self, windows: Tensor) -> Tensor:
        return self.out(self.layers(windows.transpose(1, 2))[..., -1])


class UsualTransformer(nn.Module):
    """torch's own encoder layers around a narrow code per step."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(DIM, 64), nn.Linear(64, DIM)
        self.narrow, self.widen = nn.Linear(64, 16), nn.Linear(16, 64)
        self.positions = nn.Parameter(torch.zeros(WINDOW, 64))
        self.encoder, self.decoder = (
            nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 2) for _ in range(2)
        )

    def forward(self, windows: Tensor) -> Tensor:
        code = self.narrow(self.encoder(self.into(windows) + self.positions))
        return self.out(self.decoder(self.widen(code) + self.positions))


def embedded(network: str, hidden: int) -> Callable[[], Scorer]:
    options = DeepSVDDOptions(network=network, hidden=hidden)  # pyright: ignore[reportArgumentType]
    return lambda: DeepSVDD(WINDOW, options)


CASES: dict[str, tuple[Callable[[], Scorer], Callable[[], nn.Module], dict[str, int]]] = {
    "Deep SVDD, GRU": (embedded("gru", 64), UsualGRU, {"fit": 8_000, "score": 24_000}),
    "Deep SVDD, TCN": (embedded("tcn", 72), UsualTCN, {"fit": 1_900, "score": 8_000}),
    "transformer AE": (
        lambda: TransformerAE(WINDOW, TransformerAEOptions(layers=2)),
        UsualTransformer,
        {"fit": 370, "score": 1_800},
    ),
}
"""Name -> ours, the usual way, and DeepOD's published windows per second (its transformer is TranAD)."""


def fit_usual(network: nn.Module, windows: Tensor) -> None:
    """Minimise the mean squared distance to zero, or the error of the reconstruction."""
    optimiser = torch.optim.Adam(network.parameters())
    for _ in range(EPOCHS):
        for (batch,) in DataLoader(TensorDataset(windows), batch_size=BATCH, shuffle=True):
            answer = network(batch)
            loss = (answer - batch if answer.shape == batch.shape else answer).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


@torch.no_grad()
def score_usual(network: nn.Module, windows: Tensor) -> Tensor:
    network.eval()
    answers = []
    for (batch,) in DataLoader(TensorDataset(windows), batch_size=BATCH):
        answer = network(batch)
        answers.append((answer - batch if answer.shape == batch.shape else answer).square().flatten(1).mean(1))
    return torch.cat(answers)


def main(options: Options) -> None:
    torch.set_num_threads(1)
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(options.rows, DIM)).astype(np.float32))
    windows, copied = WindowSet.from_episodes([rows], WINDOW), sliding_windows(rows, WINDOW)
    train = TrainOptions(epochs=EPOCHS, windows_per_epoch=None, batch_size=BATCH, held_out=0.02)
    records = []
    for name, (make, usual, published) in CASES.items():
        seconds: dict[str, list[float]] = {"fit": [], "score": [], "usual fit": [], "usual score": []}
        for _ in range(options.rounds):
            scorer, network = make(), usual()
            timed(seconds["fit"], lambda scorer=scorer: scorer.fit(windows, options=train))
            timed(seconds["usual fit"], lambda network=network: fit_usual(network, copied))
            timed(seconds["score"], lambda scorer=scorer: scorer.score_all(windows))
            timed(seconds["usual score"], lambda network=network: score_usual(network, copied))
        record = {"network": name, "parameters": sum(p.numel() for p in make().parameters())}
        for what in ("fit", "score"):
            ours, other = (statistics.median(seconds[key]) for key in (what, f"usual {what}"))
            done = options.rows * (EPOCHS if what == "fit" else 1)
            record |= {
                f"{what}_per_second": round(done / ours),
                f"{what}_per_second_usual": round(done / other),
                f"{what}_ratio_usual": round(other / ours, 2),
                f"{what}_per_second_deepod": published[what],
                f"{what}_ratio_deepod": round(done / ours / published[what], 2),
            }
        records.append(record)
        print(record, flush=True)
    content = {"records": records, "default_detector": default_detector(), "commit": commit(), "device": device()}
    write_atomic(options.out, (json.dumps(content | {"versions": installed_versions()}, indent=1) + "\n").encode())


def default_detector() -> dict[str, float | str]:
    """Fit on 5,926 rows of 38 channels and score 23,706: the size of a machine of SMD."""
    rows = np.random.default_rng(0).normal(size=(23_706, DIM)).cumsum(0) / 100
    detector, began = make_detector(DEFAULT), time.perf_counter()
    detector.fit(rows[:5_926])
    fitted = time.perf_counter()
    detector.decision_function(rows)
    return {
        "name": DEFAULT,
        "fit_seconds": round(fitted - began, 2),
        "score_seconds": round(time.perf_counter() - fitted, 2),
    }


def timed(into: list[float], work: Callable[[], object]) -> None:
    began = time.perf_counter()
    work()
    into.append(time.perf_counter() - began)


if __name__ == "__main__":
    main(tyro.cli(Options))
