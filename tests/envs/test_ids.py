"""Options in an id: which values they are, and what is refused."""

import pytest

from tsreward.envs.ids import split_id
from tsreward.errors import OptionError


@pytest.mark.parametrize(
    ("id", "options"),
    [
        ("atari/Boxing", {}),
        ("atari/Boxing:ram", {"ram": True}),
        ("atari/Boxing:ram=false,stack=2,sticky=0.5", {"ram": False, "stack": 2, "sticky": 0.5}),
        ("dmc/walker-walk:camera=side", {"camera": "side"}),
        ("dmc/walker-walk:camera=-1", {"camera": -1}),
    ],
)
def test_values_have_the_type_that_they_read_as(id, options):
    name, found = split_id(id)
    assert name == id.partition(":")[0]
    assert found == options
    assert [type(value) for value in found.values()] == [type(value) for value in options.values()]


@pytest.mark.parametrize("options", ["", "ram,", "=1", "stack=", "ram,ram"])
def test_options_without_name_or_value_are_refused(options):
    with pytest.raises(OptionError, match=f"each once, got 'atari/Boxing:{options}': write atari/Boxing:frames=64"):
        split_id(f"atari/Boxing:{options}")
