"""Repeated actions: sums of rewards and costs, and no step past the end."""

import gymnasium
import numpy as np
import pytest

from tsreward.envs.make import ActionRepeat, family_of, make
from tsreward.errors import OptionError

ID = "SafetyPointGoal1-v0"


def test_rewards_and_costs_add_up_and_the_last_observation_is_given():
    plain, repeated = make(ID), make(ID, action_repeat=5)
    plain.reset(seed=4)
    repeated.reset(seed=4)
    action = plain.action_space.sample()
    for _ in range(20):
        steps = [plain.step(action) for _ in range(5)]
        obs, reward, _, _, info = repeated.step(action)
        assert (obs == steps[-1][0]).all()
        assert reward == pytest.approx(sum(step[1] for step in steps))
        assert info["cost"] == sum(step[4]["cost"] for step in steps)


def test_an_episode_ends_where_it_would_without():
    env = make(ID, action_repeat=7, max_episode_steps=10)
    env.reset(seed=0)
    assert env.step(env.action_space.sample())[3] is False
    assert env.step(env.action_space.sample())[3] is True


def test_a_cost_that_is_not_there_is_not_made_up():
    env = ActionRepeat(gymnasium.make("CartPole-v1"), 2)
    env.reset(seed=0)
    assert "cost" not in env.step(0)[4]


def test_less_than_once_is_refused():
    with pytest.raises(OptionError, match="at least once, got 0"):
        make(ID, action_repeat=0)


def test_other_ids_go_to_gymnasium_with_their_options():
    env = make("CartPole-v1", max_episode_steps=3)
    assert env.spec is not None
    assert env.spec.max_episode_steps == 3
    assert isinstance(env.unwrapped, gymnasium.envs.classic_control.CartPoleEnv)


@pytest.mark.parametrize(
    ("id", "near"),
    [("CartPol-v1", "CartPole-v1"), ("CartPole-v9", "CartPole-v1"), ("Pendulun", "Pendulum-v1")],
)
def test_an_unknown_id_gets_the_nearest_one(id, near):
    with pytest.raises(OptionError, match=rf"Unknown environment '{id}': did you mean '{near}'\?"):
        make(id)


JUNK = {
    "": "The id of an environment is empty: name one",
    " ": "The id of an environment is empty: name one",
    "two words": "Unknown environment 'two words'",
    "dmc": "Unknown environment 'dmc'",
    "/": "Unknown environment '/'",
    "x/": "Unknown environment 'x/'",
    "mine.py:X-v0": "'mine.py:X-v0' names a file, not a module: write mine:X-v0.",
    "nosuchmod:X-v0": "There is no module nosuchmod, which 'nosuchmod:X-v0' names: write its file as nosuchmod.py",
    "a.b:c": "There is no module a, which 'a.b:c' names",
    "json.nosuch:X-v0": "There is no module json.nosuch, which",
    "json:X-v0": "The module of 'json:X-v0' does not register it. Unknown environment 'X-v0'",
    ":::": "':::' is no id of an environment: options after a colon belong to the ids of families",
    ":X-v0": "':X-v0' is no id of an environment",
    "json:": "'json:' is no id of an environment",
    "../up:X-v0": "'../up:X-v0' is no id of an environment",
    "CartPole-v1:frames=3": "'CartPole-v1:frames=3' is no id of an environment",
    "dmc/": "'dmc/' names no environment of the family dmc: write dmc/NAME",
    "dmc//": "'dmc//' names no environment of the family dmc",
    "atari/": "'atari/' names no environment of the family atari: write atari/NAME",
    "atari/:ram": "'atari/' names no environment of the family atari",
    "atari/Pong/x": "'atari/Pong/x' names no environment of the family atari",
    "Safety": "Unknown environment 'Safety'",
    "\x1b[31m-v0": "Unknown environment '\\x1b[31m-v0'",
}


@pytest.mark.parametrize("id", JUNK)
def test_junk_is_named_as_what_it_is(id):
    with pytest.raises(OptionError) as caught:
        make(id)
    assert str(caught.value).startswith(JUNK[id])
    assert "\n" not in str(caught.value)


@pytest.fixture
def registered():
    """Return a function that registers ids for one test."""
    ids = []

    def register(id, **options):
        gymnasium.register(id, lambda: gymnasium.make("CartPole-v1").unwrapped, **options)
        ids.append(id)

    yield register
    for id in ids:
        gymnasium.registry.pop(id, None)


@pytest.mark.parametrize("id", ["dmc/Mine-v0", "atari/Mine-v0", "SafetyMine-v0", "Safety/Mine-v0", "dmc/walker-walk"])
def test_a_registered_id_wins_over_a_family(registered, id):
    before = gymnasium.registry.get(id)
    registered(id)
    try:
        env = make(id, action_repeat=2)
        assert family_of(id) is None
        assert isinstance(env.unwrapped, gymnasium.envs.classic_control.CartPoleEnv)
        env.reset(seed=0)
        assert env.step(0)[1] == 2.0
    finally:
        if before is not None:
            gymnasium.registry[id] = before


@pytest.mark.filterwarnings("ignore")  # Gymnasium tells which version it takes
def test_so_does_one_without_its_version(registered):
    registered("SafetyMine-v3")
    assert isinstance(make("SafetyMine").unwrapped, gymnasium.envs.classic_control.CartPoleEnv)


def test_a_fault_of_an_entry_point_is_shown_as_what_it_is(registered):
    gymnasium.register("Mine/Gone-v0", "no_such_module_here:Env")
    gymnasium.register("Mine/Lost-v0", "json:NoSuchClass")
    try:
        with pytest.raises(OptionError, match="Mine/Gone-v0' cannot be made: ModuleNotFoundError: No module named"):
            make("Mine/Gone-v0")
    finally:
        del gymnasium.registry["Mine/Gone-v0"], gymnasium.registry["Mine/Lost-v0"]


def test_a_fault_of_a_known_environment_is_not_hidden():
    with pytest.raises(TypeError, match="no_such_option"):
        make("CartPole-v1", no_such_option=1)


@pytest.mark.usefixtures("dmc")
def test_options_may_stand_in_the_id():
    named, spelled = make("dmc/cartpole-balance:action_repeat=4"), make("dmc/cartpole-balance", 4)
    for env in (named, spelled):
        env.reset(seed=0)
    assert np.array_equal(named.step(np.ones(1))[0], spelled.step(np.ones(1))[0])
    assert make("dmc/cartpole-balance", max_episode_steps=np.int64(7)).spec.max_episode_steps == 7  # type: ignore[union-attr]
    assert make("dmc/cartpole-balance:max_episode_steps=3", max_episode_steps=5).spec.max_episode_steps == 5  # type: ignore[union-attr]


@pytest.mark.usefixtures("dmc")
@pytest.mark.parametrize(
    ("id", "options", "message"),
    [
        (
            "dmc/cartpole-balance:frame=64",
            {},
            "Unknown option of 'dmc/cartpole-balance' 'frame': did you mean 'frames'",
        ),
        ("dmc/cartpole-balance:action_repeat=4", {"action_repeat": 2}, "in the id and beside it"),
        ("dmc/cartpole-balance:", {}, "names with values, each once, got 'dmc/cartpole-balance:'"),
        ("dmc/cartpole-balance:pixels", {}, "The option pixels of 'dmc/cartpole-balance' is a whole number, got True"),
        ("dmc/cartpole-balance:pixels=big", {}, "is a whole number, got 'big'"),
        ("dmc/cartpole-balance", {"frames": (64, 64)}, r"is a whole number, got \(64, 64\)"),
        ("dmc/cartpole-balance:action_repeat=2.5", {}, "is a whole number, got 2.5"),
        ("dmc/cartpole-balance:camera=2.5,pixels=8", {}, "is a whole number or text, got 2.5"),
        ("dmc/cartpole-balance:grey=3,pixels=8", {}, "is true or false, got 3"),
        ("dmc/cartpole-balance:max_episode_steps=0", {}, "max_episode_steps of .* is 1 or more, got 0"),
        ("dmc/cartpole-balnce:frames=64", {}, "Unknown environment 'dmc/cartpole-balnce': did you mean"),
    ],
)
def test_wrong_options_in_the_id(id, options, message):
    with pytest.raises(OptionError, match=message):
        make(id, **options)
