"""Names are in natural order, and an unknown one is told with its neighbours."""

import pytest

from tsreward.data.logs.naming import chosen, natural
from tsreward.errors import OptionError


def test_natural_order():
    names = ["machine-1-10", "machine-1-2", "10a", "2a", "machine", "A-1", ""]
    assert sorted(names, key=natural) == ["", "2a", "10a", "A-1", "machine", "machine-1-2", "machine-1-10"]


def test_names_are_chosen_once_in_natural_order():
    found = ["m-10", "m-9", "m-1"]
    assert chosen("machine", found, None) == ["m-1", "m-9", "m-10"]
    assert chosen("machine", found, ["m-10", "m-9", "m-10"]) == ["m-9", "m-10"]
    assert chosen("machine", found, "m-9") == ["m-9"]
    with pytest.raises(OptionError, match="Unknown machine 'm-99': did you mean 'm-9'"):
        chosen("machine", found, ["m-1", "m-99"])
