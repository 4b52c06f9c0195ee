"""Atari games by the Arcade Learning Environment: screens, or the console's memory as a cheap observation."""

from __future__ import annotations

import importlib.util
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box
from gymnasium.wrappers import FlattenObservation, FrameStackObservation, TransformObservation

from tsreward.envs.make import ENV_FAMILIES, repeating
from tsreward.envs.pixels import FrameInInfo, Pixels
from tsreward.errors import OptionError, missing_extra, unknown_name

MAX_FRAMES = 108_000
"""Half an hour of play, after which an episode is cut, as in ALE's version 5."""
SCREENS = 60
"""Screens that the console draws in a second."""


def atari_ids() -> list[str]:
    """Return every id: `atari/` and the game's name as in ALE's own ids."""
    return [f"atari/{name}" for name in sorted(_games())]


@ENV_FAMILIES.register("atari")
def make_atari(
    id: str,
    *,
    action_repeat: int = 1,
    pixels: int | None = None,
    frames: int | None = None,
    ram: bool = False,
    scaled: bool = False,
    grey: bool = False,
    stack: int = 1,
    frame_skip: int = 4,
    sticky: float = 0.25,
    full_actions: bool = False,
    pool: bool = False,
    render_mode: str | None = None,
    max_episode_steps: int | None = None,
) -> gymnasium.Env:
    """Return the Atari game `id`, such as "atari/Boxing", with the defaults of `ALE/Boxing-v5`.

    It observes the screen as the console draws it ([210, 160, 3] for nearly all games) or, with `pixels`, averaged
    down to a square of that size (see `Pixels` for `grey` and `stack`). With `ram` it observes the console's memory
    [128 * stack] (uint8, or `scaled` to float32 in [0, 1]; the last `stack` ones, the oldest first), from which an
    expert learns in minutes. With `frames` it observes the memory too, and the frames of that size are in
    `info["frame"]` (see `FrameInInfo`).

    An action is held for `frame_skip` screens, and for `action_repeat` such steps; with the chance `sticky` the console
    reads the action before instead (0 turns that off). `full_actions` offers all 18 actions of the joystick, otherwise
    the game's own. `pool` shows the brighter of the last two screens, pixel by pixel, for games that draw some things
    on every other screen only. `max_episode_steps` counts steps of `frame_skip` screens.

    Raises OptionError for an unknown game or options that do not fit together, and MissingExtraError where ale-py, or
    pillow for `pixels`, is not installed.

    >>> env = make_atari("atari/Boxing", ram=True)
    >>> obs, info = env.reset(seed=0)
    >>> obs.shape, env.action_space
    ((128,), Discrete(18))
    """
    ram, size = ram or frames is not None, frames if pixels is None else pixels
    if ram and pixels is not None:
        raise OptionError(
            f"make('{id}') observes pixels or the memory, got both: frames={pixels} gives the frames too."
        )
    if ram and grey and frames is None:
        raise OptionError(f"make('{id}', ram=True) has no frames to make grey: leave it out, or give frames=64.")
    if scaled and not ram:
        raise OptionError(f"make('{id}', scaled=True) scales the memory: give ram=True as well. Frames are bytes.")
    if stack < 1:
        raise OptionError(f"make('{id}') needs a stack of 1 or more, got {stack}.")
    if size is not None and importlib.util.find_spec("PIL") is None:
        raise missing_extra("pillow", "atari")
    spec = EnvSpec(
        id,
        f"{__name__}:AtariGame",
        disable_env_checker=True,
        max_episode_steps=max_episode_steps,
        kwargs={
            "game": id.removeprefix("atari/"),
            "size": size,
            "frame_skip": frame_skip,
            "sticky": sticky,
            "full_actions": full_actions,
            "pool": pool,
            "render_mode": render_mode if ram and frames is None else "rgb_array",
        },
    )
    env = gymnasium.make(spec)
    env = repeating(env, action_repeat)
    if not ram:
        return Pixels(env, grey, stack)
    if stack > 1:
        env = FlattenObservation(FrameStackObservation(env, stack))
    if scaled:
        space = Box(0.0, 1.0, env.observation_space.shape, np.float32)
        env = TransformObservation(env, lambda memory: np.float32(memory) / np.float32(255), space)
    return env if frames is None else FrameInInfo(env, grey)


class AtariGame(gymnasium.Env):
    """One game, such as "Boxing": it observes the memory [128] (uint8) and draws its screen with `render()`.

    The options are those of `make_atari`. The same `reset(seed=...)` and the same actions give the same episode. An
    episode is `terminated` when the game is over, and `truncated` after 108,000 screens. `ale` is the console, as in
    ALE's own environments: it counts lives, and copies and restores states.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012 - Gymnasium's own attribute

    def __init__(
        self,
        game: str,
        size: int | None = None,
        frame_skip: int = 4,
        sticky: float = 0.25,
        full_actions: bool = False,
        pool: bool = False,
        render_mode: str | None = None,
    ) -> None:
        games = _games()
        if game not in games:
            raise unknown_name("environment", f"atari/{game}", atari_ids())
        if frame_skip < 1 or not 0 <= sticky < 1 or (size is not None and size < 1):
            raise OptionError(
                f"AtariGame needs frame_skip >= 1, sticky in [0, 1) and a size of 1 pixel or more, got "
                f"frame_skip={frame_skip}, sticky={sticky}, size={size}."
            )
        from ale_py import ALEInterface, LoggerMode
        from ale_py.env import AtariEnv

        ALEInterface.setLoggerMode(LoggerMode.Error)  # it prints a banner otherwise
        self._game = AtariEnv(
            games[game],
            obs_type="ram",
            frameskip=1,
            repeat_action_probability=sticky,
            full_action_space=full_actions,
            max_num_frames_per_episode=MAX_FRAMES,
        )
        self.observation_space, self.action_space = self._game.observation_space, self._game.action_space
        self.ale = self._game.ale
        height, width = self.ale.getScreenDims()
        self.frame_shape = (height, width) if size is None else (size, size)
        self.frame_skip, self.pool, self.render_mode = frame_skip, pool, render_mode
        self.metadata = {**self.metadata, "render_fps": SCREENS / frame_skip}
        self._last_but_one: np.ndarray | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a game."""
        super().reset(seed=seed)
        self._last_but_one = None
        obs, info = self._game.reset(seed=seed)
        return obs, dict(info)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Hold the action for `frame_skip` screens, or until the game is over; `info["lives"]` counts lives."""
        total, outcome = 0.0, None
        for _ in range(self.frame_skip):
            self._last_but_one = self._screen() if self.pool else None
            outcome = self._game.step(action)
            total += float(outcome[1])
            if outcome[2] or outcome[3]:
                break
        assert outcome is not None
        return outcome[0], total, outcome[2], outcome[3], dict(outcome[4])

    def render(self) -> Any:
        """Return the screen [H, W, 3] (uint8), averaged down to the size that was asked for."""
        screen = self._screen()
        if self._last_but_one is not None:
            screen = np.maximum(screen, self._last_but_one)
        if screen.shape[:2] == self.frame_shape:
            return screen
        from PIL import Image

        height, width = self.frame_shape
        return np.asarray(Image.fromarray(screen).resize((width, height), Image.Resampling.BOX)).copy()

    def _screen(self) -> np.ndarray:
        return self.ale.getScreenRGB()


def _games() -> dict[str, str]:
    """Return the names of the games and of their ROMs; four games are for two players only."""
    if importlib.util.find_spec("ale_py") is None:
        raise missing_extra("ale-py", "atari")
    from ale_py.registration import rom_id_to_name
    from ale_py.roms import get_all_rom_ids

    for_two = {"combat", "joust", "maze_craze", "warlords"}
    return {rom_id_to_name(rom): rom for rom in get_all_rom_ids() if rom not in for_two}
