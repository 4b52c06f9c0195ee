"""A deep Q-network that answers "normal" or "anomaly" for every window, rewarded by labels and reconstruction error."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import ShapeError
from tsreward.scorers.base import SCORERS, Scorer
from tsreward.scorers.dqn.environment import (
    ANOMALY,
    NORMAL,
    UNKNOWN,
    DQNOptions,
    Environment,
    Labels,
    Oracle,
    with_flag,
)
from tsreward.scorers.dqn.labelling import ActiveOptions, play_and_ask
from tsreward.scorers.dqn.learning import Learner, QNetwork
from tsreward.scorers.lstm_vae import LSTMVAE, LSTMVAEOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions


@SCORERS.register("dqn")
class DQN(Scorer[DQNOptions]):
    """Q(anomaly) − Q(normal) of an agent that is rewarded for right answers and, with a weight λ that adapts, by the
    error with which a variational autoencoder of the normal windows reconstructs a window.

    It follows the dynamic-reward LSTM-DQN (Golchin et al. 2025, arXiv 2508.18474), but the intrinsic reward depends on
    the answer: the same reward for both answers could not change which one is better. The window ends at the step that
    is classified, for the agent and for the autoencoder. A score assumes that the previous answer was "normal", so it
    depends on the window alone.

    `fit` takes the normal windows as labelled, and the negative ones as anomalies. With few labels in a larger pool,
    `learn_actively` asks for labels and `learn_from_labels` takes the given ones; both begin with `fit`, and
    `FEW_LABELS` are options for them. After any of the three, `schedule` holds λ and the mean reward of every episode.

    >>> scorer = DQN(window=4)
    >>> scorer.materialise(dim=3)
    >>> scorer.measure(torch.zeros(2, 4, 3)).shape
    torch.Size([2])
    """

    Options = DQNOptions
    uses_negative = True
    uses_held_out = True

    error_mean: Tensor
    error_std: Tensor

    def build(self) -> None:
        options = self.options
        self.schedule: tuple[list[float], list[float]] = ([], [])
        self.vae = LSTMVAE(
            self.window,
            LSTMVAEOptions(
                hidden=options.vae_hidden,
                latent=options.vae_latent,
                beta=options.vae_beta,
                decoder="mlp",
                norm="l2",
            ),
        )
        self.vae.materialise(self.dim)
        self.network = QNetwork(self.dim, options.hidden)
        self.register_buffer("error_mean", torch.zeros(self.window + 1))
        self.register_buffer("error_std", torch.ones(self.window + 1))

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        self.vae.learn(normal, None, options, report)
        self.to(options.device)
        held = torch.cat([self._log_errors(part.to(options.device)) for part in normal[1].batches(1024)])
        self.error_mean.copy_(held.mean(0))
        self.error_std.copy_(held.std(0, correction=0).clamp_min(0.1))
        windows = WindowSet.concat([*normal, *(negative or ())])
        anomalies = sum(len(part) for part in negative or ())
        counts = torch.tensor([len(windows) - anomalies, anomalies])
        labels = torch.tensor([NORMAL, ANOMALY]).repeat_interleave(counts)
        learner = self._learner(windows, labels, options)
        learner.play(options.epochs)
        self.schedule = learner.controller.lambdas, learner.controller.returns

    def measure(self, windows: Tensor) -> Tensor:
        errors = self._errors(windows)
        states = with_flag(windows, torch.zeros_like(errors[:, 0]))
        return self.network.advantage(self.network.features(states, errors[:, :-1], errors[:, -1]))

    def learn_actively(
        self,
        pool: WindowSet,
        oracle: Oracle,
        normal: WindowSet | None = None,
        active: ActiveOptions = ActiveOptions(),  # noqa: B008 - frozen
        options: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
    ) -> Labels:
        """Learn what is normal, then play in `pool` and ask `oracle` about `active.budget` of its windows at most.

        Args:
            pool: windows [N, K, D], of which few have labels.
            oracle: returns the labels [n], 0 or 1, of windows at the positions [n] in the pool.
            normal: windows that are known to be normal; None learns from the pool, most of which should be normal.
            active: how labels are asked for.
            options: how to train; `epochs` is the number of episodes.

        Returns:
            What was asked and answered, by position in `pool`.

        Raises:
            DataError, ShapeError: as in `fit`, for the pool too; or an oracle that answers something else than 0 and 1.
            MissingExtraError: scikit-learn is not installed.
        """
        labels = Labels(len(pool), active.budget, oracle)
        self._continue(pool, labels, normal, active, options)
        return labels

    def learn_from_labels(
        self,
        pool: WindowSet,
        labels: Tensor | np.ndarray,
        normal: WindowSet | None = None,
        active: ActiveOptions = ActiveOptions(),  # noqa: B008 - frozen
        options: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
    ) -> Labels:
        """Learn as `learn_actively` does, from the labels that are there.

        Args:
            pool: windows [N, K, D], of which few have labels.
            labels: 0 normal, 1 anomalous, −1 unknown [N].
            normal: windows that are known to be normal; None learns from the pool, most of which should be normal.
            active: how labels are propagated; what concerns asking is not used.
            options: how to train; `epochs` is the number of episodes.

        Raises:
            ShapeError: not one label per window.
            DataError: other labels.
        """
        given = torch.as_tensor(labels)
        if given.shape != (len(pool),):
            raise ShapeError(f"DQN expects one label for each of {len(pool)} windows, got {list(given.shape)}.")
        rows = (given != UNKNOWN).nonzero()[:, 0]
        book = Labels(len(pool), len(rows), lambda positions: given[positions].numpy())
        book.ask(rows)
        self._continue(pool, book, normal, active, options)
        return book

    def _continue(
        self,
        pool: WindowSet,
        labels: Labels,
        normal: WindowSet | None,
        active: ActiveOptions,
        options: TrainOptions,
    ) -> None:
        known = pool if normal is None else normal
        self._check_set(pool, "pool", self._check_set(known, "normal"))
        self.fit(known, options=options)
        self.fitted.fill_(False)
        parts = [part.to("cpu").map(self._standardise_on_cpu) for part in (normal, pool) if part is not None]
        given = torch.full((sum(map(len, parts)),), NORMAL)
        given[-len(pool) :] = UNKNOWN
        learner = self._learner(WindowSet.concat(parts), given, options)
        play_and_ask(learner, parts[-1], labels, active)
        self.schedule = learner.controller.lambdas, learner.controller.returns
        self.fitted.fill_(True)
        self.eval()

    def _learner(self, windows: WindowSet, labels: Tensor, options: TrainOptions) -> Learner:
        windows, labels = windows.to(options.device), labels.to(options.device)
        with torch.no_grad():
            errors = torch.cat([self._errors(part) for part in windows.batches(1024)])
        rewarded = errors[:, -1 if self.options.error == "window" else -2]
        environment = Environment(windows, labels, rewarded, self.options)
        groups = 2 * (labels == ANOMALY).long()
        return Learner(self.network, environment, errors[:, :-1], errors[:, -1], groups, options)

    @torch.no_grad()
    def _log_errors(self, windows: Tensor) -> Tensor:
        """Return log errors [B, K + 1] of standardised windows: of every step, and of the whole window."""
        squared = (windows - self.vae.reconstruct(windows)[0]).square().mean(2)
        return (torch.cat([squared, squared.mean(1, keepdim=True)], 1) + 1e-3).log()

    def _errors(self, windows: Tensor) -> Tensor:
        """Return log errors [B, K + 1] standardised by those of held-out normal windows."""
        return (self._log_errors(windows) - self.error_mean) / self.error_std

    def _standardise_on_cpu(self, rows: Tensor) -> Tensor:
        return self.standardise(rows.to(self.mean.device)).cpu()
