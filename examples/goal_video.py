"""One goal video ranks behaviour in Meta-World without any environment reward.

python examples/goal_video.py --task drawer-open --steps 100
"""

import argparse

import numpy as np

import tsreward
from tsreward.envs.blind_policies import Policy, blind_policy
from tsreward.envs.meta_world import scripted_policy

CLIP, SIZE = 8, 32


def filmed(id: str, policy: Policy, seed: int) -> tuple[np.ndarray, bool]:
    """Return the frames [T, SIZE, SIZE, 3] of an episode, and whether it solved the task."""
    env = tsreward.make(id, frames=SIZE)
    obs, info = env.reset(seed=seed)
    frames, solved, ended = [info["frame"]], False, False
    while not ended:
        obs, _, _, ended, info = env.step(policy(obs[None])[0])
        frames.append(info["frame"])
        solved |= bool(info["success"])
    env.close()
    return np.stack(frames), solved


def main(task: str = "drawer-open", steps: int = 100) -> dict[str, float]:
    """Return the cosine to the goal video at the end of an episode of an expert, of half an expert, and at random."""
    id = f"metaworld/{task}:start_seed=3,max_episode_steps={steps}"
    skip = steps // CLIP
    space = tsreward.make(id).action_space
    expert, random = scripted_policy(id), blind_policy("random", space, seed=0)
    goal = tsreward.stack_clips(filmed(id, expert, seed=0)[0], CLIP, skip)
    encoder = tsreward.ClipVideoEncoder((CLIP, SIZE, SIZE, 3), tsreward.ClipVideoOptions(side=16))
    scorer = tsreward.GoalVideo(window=1, options=tsreward.GoalVideoOptions(features="raw"))
    mode = tsreward.Likeness(tsreward.LikenessOptions(transform="negative"))
    model = tsreward.RewardModel(scorer, mode, encoder).fit([goal, goal])

    draw = np.random.default_rng(1)
    noisy = lambda obs: np.clip(expert(obs) + draw.normal(0, 0.5, (len(obs), 4)), -1, 1).astype(np.float32)  # noqa: E731
    halfway = lambda obs: expert(obs) if draw.random() < 0.5 else random(obs)  # noqa: E731
    cosines = {}
    for name, policy in (("noisy expert", noisy), ("half expert", halfway), ("random", random)):
        film, solved = filmed(id, policy, seed=0)
        cosines[name] = 1 - float(model.score(tsreward.stack_clips(film, CLIP, skip))[-1])
        print(f"{name}: cosine {cosines[name]:.3f}, solved {solved}")
    return cosines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="drawer-open")
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    main(given.task, given.steps)
