"""A deep Q-network that answers "normal" or "anomaly" for every window, rewarded by labels and reconstruction error."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import ShapeError
from tsreward.functional.seeding import seeded
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
from tsreward.scorers.ridge_var import RidgeVAR, RidgeVAROptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions


@SCORERS.register("dqn")
class DQN(Scorer[DQNOptions]):
    """Q(anomaly) − Q(normal) of an agent that is rewarded for right answers and, with a weight λ that adapts, by the
    errors with which a variational autoencoder of normal windows reconstructs a window and a linear autoregression
    predicts its last step.

    It follows the dynamic-reward LSTM-DQN (Golchin et al. 2025, arXiv 2508.18474), but for three things. The intrinsic
    reward depends on the answer: the same reward for both answers could not change which one is better. The advantage
    begins as that reward, and labels teach what is missing: without them it ranks windows nearly as the errors do. And
    half of the questions are about the most anomalous windows. The window ends at the step that is classified, for the
    agent and for the errors. A score assumes that the previous answer was "normal", so it depends on the window alone.

    `fit` takes the normal windows as labelled, and the negative ones as anomalies. With few labels in a larger pool,
    `learn_actively` asks for labels and `learn_from_labels` takes the given ones; both begin with `fit`. After any of
    the three, `schedule` holds λ and the mean reward of every episode.

    >>> scorer = DQN(window=4)
    >>> scorer.materialise(dim=3)
    >>> scorer.measure(torch.zeros(2, 4, 3)).shape
    torch.Size([2])
    """

    Options = DQNOptions
    uses_negative = True
    uses_held_out = True
    min_window = 2

    error_mean: Tensor
    error_std: Tensor
    prior_weight: Tensor

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
        self.forecaster = RidgeVAR(self.window, RidgeVAROptions(scale_residuals=True))
        self.forecaster.materialise(self.dim)
        self.network = QNetwork(self.dim, options.hidden)
        self.register_buffer("error_mean", torch.zeros(self.window + 2))
        self.register_buffer("error_std", torch.ones(self.window + 2))
        self.register_buffer("prior_weight", torch.zeros(()))

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        self.vae.learn(normal, None, options, report)
        self.forecaster.learn(normal, None, options, None)
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
        self._keep(learner)

    def measure(self, windows: Tensor) -> Tensor:
        errors = self._errors(windows)
        states = with_flag(windows, torch.zeros_like(errors[:, 0]))
        features = self.network.features(states, errors[:, : self.window], errors[:, self.window :])
        return self.network.advantage(features, self.prior_weight * self._rewarded(errors))

    def learn_actively(
        self,
        pool: WindowSet,
        oracle: Oracle,
        normal: WindowSet | None = None,
        active: ActiveOptions = ActiveOptions(),  # noqa: B008 - frozen
        options: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
        keep: bool = False,
    ) -> Labels:
        """Learn what is normal, then play in `pool` and ask `oracle` about `active.budget` of its windows at most.

        Args:
            pool: windows [N, K, D], of which few have labels.
            oracle: returns the labels [n], 0 or 1, of windows at the positions [n] in the pool.
            normal: windows that are known to be normal; None learns from the pool, most of which should be normal.
            active: how labels are asked for.
            options: how to train; `epochs` is the number of episodes.
            keep: leave what an earlier call, or `fit`, learned of normal windows as it is, and play anew.

        Returns:
            What was asked and answered, by position in `pool`.

        Raises:
            DataError, ShapeError: as in `fit`, for the pool too; or an oracle that answers something else than 0 and 1.
            NotFittedError: `keep` before anything was learned.
            MissingExtraError: scikit-learn is not installed.
        """
        labels = Labels(len(pool), active.budget, oracle)
        self._continue(pool, labels, normal, active, options, keep)
        return labels

    def learn_from_labels(
        self,
        pool: WindowSet,
        labels: Tensor | np.ndarray,
        normal: WindowSet | None = None,
        active: ActiveOptions = ActiveOptions(),  # noqa: B008 - frozen
        options: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
        keep: bool = False,
    ) -> Labels:
        """Learn as `learn_actively` does, from the labels that are there.

        Args:
            pool: windows [N, K, D], of which few have labels.
            labels: 0 normal, 1 anomalous, −1 unknown [N].
            normal: windows that are known to be normal; None learns from the pool, most of which should be normal.
            active: how labels are propagated; what concerns asking is not used.
            options: how to train; `epochs` is the number of episodes.
            keep: leave what an earlier call, or `fit`, learned of normal windows as it is, and play anew: for more
                labels of the same log.

        Raises:
            ShapeError: not one label per window.
            DataError: other labels.
            NotFittedError: `keep` before anything was learned.
        """
        given = torch.as_tensor(labels)
        if given.shape != (len(pool),):
            raise ShapeError(f"DQN expects one label for each of {len(pool)} windows, got {list(given.shape)}.")
        rows = (given != UNKNOWN).nonzero()[:, 0]
        book = Labels(len(pool), len(rows), lambda positions: given[positions].numpy())
        book.ask(rows)
        self._continue(pool, book, normal, active, options, keep)
        return book

    @torch.no_grad()
    def errors(self, windows: Tensor) -> Tensor:
        """Return the errors [B] of windows [B, K, D] that are rewarded, in standard deviations of held-out normal ones.

        Raises:
            NotFittedError: before `fit` or loading.
        """
        self._require_fitted()
        return self._rewarded(self._errors(self.standardise(windows)))

    def _continue(
        self,
        pool: WindowSet,
        labels: Labels,
        normal: WindowSet | None,
        active: ActiveOptions,
        options: TrainOptions,
        keep: bool,
    ) -> None:
        known = pool if normal is None else normal
        self._check_set(pool, "pool", self._check_set(known, "normal", self.dim if keep else None))
        if keep:
            self._require_fitted()
        else:
            self.fit(known, options=options)
        self.fitted.fill_(False)
        parts = [part.to("cpu").map(self._standardise_on_cpu) for part in (normal, pool) if part is not None]
        given = torch.full((sum(map(len, parts)),), NORMAL)
        given[-len(pool) :] = UNKNOWN
        learner = self._learner(WindowSet.concat(parts), given, options)
        play_and_ask(learner, parts[-1], labels, active)
        self._keep(learner)
        self.fitted.fill_(True)
        self.eval()

    def _learner(self, windows: WindowSet, labels: Tensor, options: TrainOptions) -> Learner:
        windows, labels = windows.to(options.device), labels.to(options.device)
        with seeded(options.seed):
            self.network = QNetwork(self.dim, self.options.hidden).to(options.device)
        with torch.no_grad():
            errors = torch.cat([self._errors(part) for part in windows.batches(1024)])
        environment = Environment(windows, labels, self._rewarded(errors), self.options)
        groups = 2 * (labels == ANOMALY).long()
        steps, summary = errors[:, : self.window], errors[:, self.window :]
        return Learner(self.network, environment, steps, summary, groups, options)

    def _keep(self, learner: Learner) -> None:
        """Keep λ and the rewards of the episodes, and what the last λ pays for the error of a window."""
        self.schedule = learner.controller.lambdas, learner.controller.returns
        self.prior_weight.fill_(learner.environment.prior_weight)

    def _rewarded(self, errors: Tensor) -> Tensor:
        """Return the error [B] that is rewarded: the smooth maximum of reconstruction and forecast errors."""
        reconstruction = errors[:, self.window if self.options.error == "window" else self.window - 1]
        return torch.stack([reconstruction, errors[:, -1]], 1).logsumexp(1) - math.log(2)

    @torch.no_grad()
    def _log_errors(self, windows: Tensor) -> Tensor:
        """Return log errors [B, K + 2] of standardised windows: of the reconstruction of every step and of the whole
        window, and of the forecast of the last step."""
        squared = (windows - self.vae.reconstruct(windows)[0]).square().mean(2)
        summary = [squared.mean(1, keepdim=True), self.forecaster.measure(windows)[:, None]]
        return (torch.cat([squared, *summary], 1) + 1e-3).log()

    def _errors(self, windows: Tensor) -> Tensor:
        """Return log errors [B, K + 2] standardised by those of held-out normal windows."""
        return (self._log_errors(windows) - self.error_mean) / self.error_std

    def _standardise_on_cpu(self, rows: Tensor) -> Tensor:
        return self.standardise(rows.to(self.mean.device)).cpu()
