"""One function for every environment: the family is read off the id."""

from typing import Any

import gymnasium

from tsreward.errors import unknown_name


def make(id: str, **options: Any) -> gymnasium.Env:
    """Return the environment `id`, made with `options`.

    An id that begins with "Safety" belongs to Safety-Gymnasium (`tsreward.envs.safety_gymnasium.make_safety`), every
    other id to `gymnasium.make`. An id that neither knows raises OptionError with the nearest one.

    >>> make("CartPole-v1").observation_space.shape
    (4,)
    """
    if id.startswith("Safety"):
        from tsreward.envs.safety_gymnasium import make_safety

        return make_safety(id, **options)
    try:
        return gymnasium.make(id, **options)
    except gymnasium.error.DependencyNotInstalled:
        raise
    except gymnasium.error.Error as error:
        if id in gymnasium.registry:
            raise
        raise unknown_name("environment", id, (name for name in gymnasium.registry if name[:6] != "Safety")) from error
