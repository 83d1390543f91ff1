"""Sentences with numbers: filled in, shown once, and refused where a number is missing."""

from types import SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from clofarabine.text import say


def test_numbers_are_filled_in():
    assert say("{x:.0f} of {n}", {"x": 2.4, "n": 7}).data == "2 of 7"
    assert say("{x:.1f} of {n}", SimpleNamespace(x=2.44), n=7).data == "2.4 of 7"
    assert say("{x}", {"x": 1}, x=2).data == "2"
    assert say("no number").data == "no number"


@pytest.mark.parametrize("facts", [{"x": 1}, SimpleNamespace(x=1)])
def test_a_missing_number_is_named(facts):
    with pytest.raises(KeyError, match=r"found \{y\} in 'of \{y\}', expected one of x, z"):
        say("of {y}", facts if isinstance(facts, dict) else vars(facts), z=1)
    with pytest.raises(KeyError, match=r"found \{y\}"):
        say("of {y}", facts)


def test_a_cell_that_ends_with_it_shows_it_once():
    shell = InteractiveShell.instance()
    shell.user_ns["say"] = say
    for cell in ("say('{n} claims', n=3)", "say('{n} claims', n=3)\nNone"):
        with capture_output() as shown:
            shell.run_cell(cell)
        said = [o.data.get("text/markdown") for o in shown.outputs]
        assert said == ["3 claims"]
        assert "Markdown" not in shown.stdout
