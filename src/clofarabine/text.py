"""Sentences with numbers: the words stand in the notebook's cell, the numbers come from results."""

from collections.abc import Mapping
from typing import Any

from IPython.display import Markdown, display


class _Shown(Markdown):
    """Markdown that is shown already: a cell that ends with it does not show it again."""

    def _ipython_display_(self) -> None:
        pass


class _Facts(dict[str, Any]):
    """Facts by name, from a mapping or from an object's attributes."""

    def __init__(self, template: str, facts: Mapping[str, Any] | object, more: dict) -> None:
        super().__init__(facts if isinstance(facts, Mapping) else {})
        self.update(more)
        self._template, self._object = template, facts

    def __missing__(self, name: str) -> Any:
        if not isinstance(self._object, Mapping) and hasattr(self._object, name):
            return getattr(self._object, name)
        known = sorted(map(str, self)) or [n for n in dir(self._object) if n[0] != "_"]
        raise KeyError(
            f"say: found {{{name}}} in {self._template!r}, expected one of {', '.join(known)}"
        )


def say(template: str, facts: Mapping[str, Any] | object = {}, /, **more: Any) -> Markdown:
    """The sentence with its numbers filled in, as Markdown; shown where it is called.

    Parameters
    ----------
    template : str
        Markdown with ``{name}`` or ``{name:.0f}`` where a number belongs, as in `str.format`.
    facts : mapping or object
        Numbers by name: a dictionary, or an object with attributes.
    **more
        Further numbers; they go before those of facts.

    Raises
    ------
    KeyError
        If the template names a number that is not there: which, and which there are.
    """
    sentence = template.format_map(_Facts(template, facts, more))
    display(Markdown(sentence))
    return _Shown(sentence)
