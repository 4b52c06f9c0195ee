"""What a learned reward says when a replay buffer asks the environment to pay for other goals."""

from __future__ import annotations

from tsreward.named_warnings import warn

METHOD = "compute_reward"
"""The method of goal environments that hindsight replay asks."""


def tell_hindsight(who: str, strict: bool = False) -> None:
    """Warn that transitions with another goal get the environment's own reward, not the learned one.

    Raises:
        StrictError: strict asks for an error.
    """
    warn(
        "hindsight rewards",
        f"{who}: hindsight replay asks the environment's own compute_reward what transitions with another goal earn, "
        f"so the agent learns from two kinds of rewards. Keep the goals as they were with "
        f"replay_buffer_kwargs={{'n_sampled_goal': 0}}, or leave replay_buffer_class out.",
        strict,
    )
