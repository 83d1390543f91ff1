"""Sentences with numbers, as a notebook displays them."""

from collections.abc import Mapping

from IPython.display import Markdown


def say(template: str, facts: Mapping | object = {}, /, **more: object) -> Markdown:
    """Markdown of a template whose fields are filled from facts (keys or attributes) and more.

    Raises
    ------
    KeyError
        With the name of a field that neither has.
    """
    return Markdown(template.format_map(_Facts(facts, more)))


class _Facts(dict):
    """Keys of a mapping or attributes of an object, after further ones."""

    def __init__(self, facts: Mapping | object, more: Mapping[str, object]) -> None:
        super().__init__(more)
        self.facts = facts

    def __missing__(self, name: str) -> object:
        if isinstance(self.facts, Mapping):
            return self.facts[name]
        if not hasattr(self.facts, name):
            raise KeyError(name)
        return getattr(self.facts, name)
