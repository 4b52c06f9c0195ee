"""Ids of our environments in Gymnasium's registry: `gymnasium.make("dmc/walker-walk")`.

Gymnasium calls `register_envs` when it is imported (entry point `gymnasium.envs`), so no simulator is imported here.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

TASKS = """
acrobot-swingup acrobot-swingup_sparse ball_in_cup-catch cartpole-balance cartpole-balance_sparse cartpole-swingup
cartpole-swingup_sparse cartpole-three_poles cartpole-two_poles cheetah-run dog-fetch dog-run dog-stand dog-trot
dog-walk finger-spin finger-turn_easy finger-turn_hard fish-swim fish-upright hopper-hop hopper-stand humanoid-run
humanoid-run_pure_state humanoid-stand humanoid-walk humanoid_CMU-run humanoid_CMU-stand humanoid_CMU-walk lqr-lqr_2_1
lqr-lqr_6_2 manipulator-bring_ball manipulator-bring_peg manipulator-insert_ball manipulator-insert_peg
pendulum-swingup point_mass-easy point_mass-hard quadruped-escape quadruped-fetch quadruped-run quadruped-walk
reacher-easy reacher-hard stacker-stack_2 stacker-stack_4 swimmer-swimmer15 swimmer-swimmer6 walker-run walker-stand
walker-walk
""".split()  # noqa: SIM905 - as a text it is readable
"""Tasks of dm_control 1.0.28, whose own list costs the import of MuJoCo."""
MANIPULATION = """
assembly basketball bin-picking box-close button-press button-press-topdown button-press-topdown-wall
button-press-wall coffee-button coffee-pull coffee-push dial-turn disassemble door-close door-lock door-open
door-unlock drawer-close drawer-open faucet-close faucet-open hammer hand-insert handle-press handle-press-side
handle-pull handle-pull-side lever-pull peg-insert-side peg-unplug-side pick-out-of-hole pick-place pick-place-wall
plate-slide plate-slide-back plate-slide-back-side plate-slide-side push push-back push-wall reach reach-wall
shelf-place soccer stick-pull stick-push sweep sweep-into window-close window-open
""".split()  # noqa: SIM905
"""Tasks of Meta-World 3.1.1."""
FOR_TWO_PLAYERS = {"Combat", "Joust", "MazeCraze", "Warlords"}


def register_envs() -> None:
    """Register every id of `tsreward.envs.make.make` whose simulator is installed, with its options as arguments."""
    from gymnasium.envs.registration import register

    for name, maker in _ids():
        # What is made has its own order checks, and says itself what is wrong with its options.
        register(name, maker, kwargs={"id": name}, disable_env_checker=True, order_enforce=False)


def _ids() -> list[tuple[str, str]]:
    found = []
    if importlib.util.find_spec("dm_control") is not None:
        found += [(f"dmc/{task}", "tsreward.envs.dm_control:make_dmc") for task in TASKS]
    if importlib.util.find_spec("metaworld") is not None:
        found += [(f"metaworld/{task}", "tsreward.envs.meta_world:make_meta_world") for task in MANIPULATION]
    console = importlib.util.find_spec("ale_py")
    for folder in (console and console.submodule_search_locations) or ():
        games = {_game(rom.stem) for rom in (Path(folder) / "roms").glob("*.bin")} - FOR_TWO_PLAYERS
        found += [(f"atari/{game}", "tsreward.envs.atari:make_atari") for game in sorted(games)]
    return found


def _game(rom: str) -> str:
    """Return ALE's name of a game.

    >>> _game("space_invaders"), _game("tic_tac_toe_3d")
    ('SpaceInvaders', 'TicTacToe3D')
    """
    return "".join(part[:1].upper() + part[1:] for part in rom.replace("_3d", "_3D").split("_"))
