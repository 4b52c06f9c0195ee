import pytest

from tests.tuning.cheap import SPACE
from tsreward.errors import OptionError
from tsreward.rewards.base import MODES
from tsreward.scorers.presets import scorer_names
from tsreward.tuning.search_spaces import SPACES, fit_options, mode_of, scorer_of, search_space
from tsreward.tuning.space import Categorical, Float, Int, Space


class Ends:
    """Draws one end of every range, and the first or the last option."""

    def __init__(self, end, choice):
        self.end, self.choice = end, choice

    def suggest_float(self, name, low, high, log):
        return {"low": low, "high": high}.get(self.end, (low + high) / 2)

    def suggest_int(self, name, low, high, log):
        return {"low": low, "high": high}.get(self.end, (low + high) // 2)

    def suggest_categorical(self, name, options):
        return options[self.choice]


def test_a_parameter_is_there_under_its_option_only():
    assert "width" in SPACE.defaults()
    assert "width" not in SPACE.fix(["shape=absolute"]).defaults()
    assert SPACE.suggest(Ends("high", -1)) == {"shape": "absolute", "place": 4.0, "count": 8}


def test_complete_knows_what_is_missing():
    fixed = SPACE.fix(["place=2"])
    assert fixed.complete({"shape": "absolute", "count": 1}) == {"shape": "absolute", "place": 2.0, "count": 1}
    assert fixed.complete({"shape": "square", "count": 1}) is None
    assert fixed.searched(fixed.defaults()) == {"shape": "square", "width": 1.0, "count": 8}


def test_a_choice_is_narrowed():
    space = Space(1, {"scorer": Categorical(("a", "b", "c"), "a")}).fix(["scorer=c,b"])
    assert space.parameters["scorer"] == Categorical(("c", "b"), "c")
    assert space.fixed == {}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("widht=1", "Unknown parameter 'widht': did you mean 'width'"),
        ("width=0.01", "width is a number from 0.1 to 10.0, got '0.01'"),
        ("width=1,2", "width is a number"),
        ("count=2.5", "count is an integer from 1 to 8, got '2.5'"),
        ("count", "count is an integer"),
        ("shape=round", "shape is one of square, absolute, got 'round'"),
        ("width=nan", "width is a number"),
    ],
)
def test_what_cannot_be_fixed(assignment, message):
    with pytest.raises(OptionError, match=message):
        SPACE.fix([assignment])


def test_fingerprints():
    same = Space(1, {**SPACE.parameters, "count": Int(1, 8, default=2)})
    wider = Space(1, {**SPACE.parameters, "count": Int(1, 9, default=8)})
    assert same.fingerprint() == SPACE.fingerprint()
    others = [wider, Space(2, SPACE.parameters), SPACE.fix(["count=8"]), SPACE.fix(["count=7"])]
    assert len({SPACE.fingerprint(), *(space.fingerprint() for space in others)}) == 5


@pytest.mark.parametrize("name", SPACES)
def test_the_tables_hold_together(name):
    parameters = search_space(name).parameters
    for parameter in parameters.values():
        if isinstance(parameter, Categorical):
            assert parameter.default in parameter.choices
        else:
            assert parameter.low <= parameter.default <= parameter.high
        if parameter.when is not None:
            owner = parameters[parameter.when[0]]
            assert isinstance(owner, Categorical)
            assert set(parameter.when[1:]) <= set(map(str, owner.choices))
    search_space(name).suggest(Ends("high", -1))


@pytest.mark.parametrize("end", ["low", "high", "default"])
@pytest.mark.parametrize("name", ["anoseqs", "detect"])
def test_both_ends_of_every_parameter_are_options_of_scorer_and_mode(name, end):
    parameters = search_space(name).parameters
    scorers, modes = parameters["scorer"], parameters.get("reward", Categorical(("none",), "none"))
    assert isinstance(scorers, Categorical)
    assert isinstance(modes, Categorical)
    assert set(scorers.choices) <= set(scorer_names())
    for scorer in scorers.choices:
        for mode in modes.choices:
            fixes = [f"scorer={scorer}"] + ([f"reward={mode}"] if "reward" in parameters else [])
            for choice in (0, -1):
                ends = Ends(end, choice)
                setting = search_space(name, fixes).suggest(ends)
                assert scorer_of(setting).build(int(str(setting["window"]))) is not None
                if "reward" in parameters:
                    assert type(mode_of(setting)) is MODES[str(mode)]
                assert not {key for key in fit_options(setting) if key.startswith(f"{scorer}.")}


def test_numbers_are_read_strictly():
    assert Float(1.0, 2.0, 1.0).read("1.5") == 1.5
    assert Categorical((None, 5.0), None).read("5") == 5.0
    with pytest.raises(ValueError, match="3"):
        Int(1, 2, 1).read("3")
