"""Drawings inside one HTML page: letters, words, marks and styles that many share are stated once.

matplotlib repeats the outline of every letter in every file. In a page each outline is needed once,
a hundredth of a point is precision enough, and styles can be classes; a third of the bytes is left.
Only elements that draw are taken over, so nothing in a drawing can run.
"""

import re
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

_LINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")
_TURN = re.compile(r"(translate|scale|rotate|matrix)\(([^)]*)\)")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_SIZES = ("x", "y", "width", "height", "cx", "cy", "r")
_SILENT = {"title", "metadata", "style"}
_DRAWN = {"path", "rect", "circle"}
# What matplotlib sets for a whole drawing.
BASE = ".drawing *{stroke-linejoin:round;stroke-linecap:butt}"


class NotDrawn(ValueError):
    """A drawing with an element that a sheet cannot take over."""


def _round(text: str, digits: int = 2) -> str:
    """A number as short as it can be written at this precision."""
    short = f"{float(text):.{digits}f}"
    short = short.rstrip("0").rstrip(".") if "." in short else short
    if short in ("-0", ""):
        return "0"
    return re.sub(r"^(-?)0\.", r"\1.", short)


def path_data(text: str) -> str:
    """The data of a path to a hundredth, without blanks that nothing needs."""
    out = ""
    for token in re.findall(rf"[A-Za-z]|{_NUMBER.pattern}", text):
        if token.isalpha():
            out += token
            continue
        number = _round(token)
        out += number if not out or out[-1].isalpha() or number[0] == "-" else f" {number}"
    return out


def _turned(text: str) -> str:
    """A transformation; lengths to a hundredth, factors to six digits, angles as they are."""

    def one(m: re.Match) -> str:
        numbers = m[2].replace(",", " ").split()
        if m[1] == "translate":
            return f"translate({' '.join(_round(n) for n in numbers)})"
        return f"{m[1]}({' '.join(f'{float(n):.6g}' for n in numbers)})"

    return _TURN.sub(one, text)


class Sheet:
    """What the drawings of one page share: `add` each, then put `shared` and `css` into the page.

    Ids and classes are given in the order of use, so a page has the same bytes every time.
    """

    def __init__(self) -> None:
        self._shared: dict[str, str] = {}
        self._styles: dict[str, str] = {}

    def add(self, svg: str, label: str) -> str:
        """The drawing as an element of the page, with this text for who cannot see it.

        Raises
        ------
        NotDrawn
            If it is no SVG, or holds more than paths, rectangles, circles and uses of them.
        """
        try:
            # The drawing is a notebook's own output; expat bounds the growth of entities.
            root = ElementTree.fromstring(svg)  # noqa: S314
        except ElementTree.ParseError as error:
            raise NotDrawn(f"not readable as SVG: {error}") from None
        names: dict[str, str] = {}
        definitions = [c for parent in root.iter() if _tag(parent) == "defs" for c in parent]
        # A marker may be filled with a pattern, never the other way round.
        for child in sorted(definitions, key=lambda c: _tag(c) != "pattern"):
            self._share(child, names)
        body = "".join(self._element(child, names) for child in root)
        box = root.get("viewBox", "")
        if not re.fullmatch(r"[\d. -]+", box):
            raise NotDrawn(f"found viewBox {box!r}, expected four numbers")
        wide = round(float(box.split()[2]))
        return (
            f'<svg class="drawing" role="img" aria-label={quoteattr(label)} width="{wide}pt" '
            f'viewBox="{box}">{body}</svg>'
        )

    @property
    def shared(self) -> str:
        """The shapes that drawings refer to, as one element that takes no room."""
        shapes = "".join(shape.format(id=f' id="{i}"') for shape, i in self._shared.items())
        hidden = 'width="0" height="0" aria-hidden="true"'
        return f'<svg class="shared drawing" {hidden}><defs>{shapes}</defs></svg>'

    @property
    def css(self) -> str:
        """The styles of all drawings."""
        return BASE + "".join(f".{name}{{{text}}}" for text, name in self._styles.items())

    def _share(self, element: ElementTree.Element, names: dict[str, str]) -> None:
        """Register a definition by its content; the same shape has one id in all drawings."""
        if _tag(element) == "style":
            return
        own = dict(element.attrib)
        if "id" not in own:
            raise NotDrawn(f"found a definition {_tag(element)} without id, expected one")
        name = own.pop("id")
        inner = "".join(self._element(c, names) for c in element)
        if _tag(element) == "clipPath":
            shape = f"<clipPath{{id}}>{inner}</clipPath>"
        elif _tag(element) == "path":
            shape = f"<path{{id}}{self._attributes(own, names)}/>"
        elif _tag(element) == "pattern":
            units = ' patternUnits="userSpaceOnUse"'
            shape = f"<pattern{{id}}{units}{self._attributes(own, names)}>{inner}</pattern>"
        else:
            raise NotDrawn(f"found a definition {_tag(element)}, expected path or clipPath")
        names[name] = self._id(shape)

    def _id(self, shape: str) -> str:
        return self._shared.setdefault(shape, f"d{len(self._shared)}")

    def _style(self, text: str, names: dict[str, str]) -> str:
        short = _REFERENCE.sub(lambda m: f"url(#{_named(m[1], names)})", text)
        short = re.sub(r"\s*([:;])\s*", r"\1", short).strip("; ")
        if re.search(r"[{}<>\\@]", short):
            raise NotDrawn(f"found the style {text!r}, expected properties")
        return self._styles.setdefault(short, f"s{len(self._styles)}")

    def _attributes(self, found: dict[str, str], names: dict[str, str]) -> str:
        out = {}
        for key, value in found.items():
            if key == "style":
                out["class"] = self._style(value, names)
            elif key == "d":
                out["d"] = path_data(value)
            elif key == "transform":
                out["transform"] = _turned(value)
            elif key == "clip-path":
                out[key] = _REFERENCE.sub(lambda m: f"url(#{_named(m[1], names)})", value)
            elif key == "fill" and re.fullmatch(r"#[0-9a-f]{6}", value):
                out[key] = value
            elif key in _SIZES:
                out[key] = _round(value)
        return "".join(f" {k}={quoteattr(v)}" for k, v in out.items())

    def _element(self, element: ElementTree.Element, names: dict[str, str]) -> str:
        tag = _tag(element)
        if tag in _SILENT or tag == "defs":
            return ""
        if tag == "use":
            return self._use(element, names)
        if tag in _DRAWN:
            return f"<{tag}{self._attributes(dict(element.attrib), names)}/>"
        if tag == "image" and element.get(_LINK, "").startswith("data:image/png;base64,"):
            href = quoteattr(re.sub(r"\s", "", element.get(_LINK, "")))
            return f"<image href={href}{self._attributes(dict(element.attrib), names)}/>"
        if tag != "g":
            raise NotDrawn(f"found {tag}, expected shapes and groups of them")
        inner = "".join(self._element(c, names) for c in element)
        own = self._attributes({k: v for k, v in element.attrib.items() if k != "id"}, names)
        if " scale(" in own and re.fullmatch(r"(<use [^>]*>)+", inner):  # a word, letter by letter
            return f'<use href="#{self._id(f"<g{{id}}>{inner}</g>")}"{own}/>'
        return f"<g{own}>{inner}</g>" if own and inner else inner

    def _use(self, element: ElementTree.Element, names: dict[str, str]) -> str:
        found = dict(element.attrib)
        name = _named(found.pop(_LINK, found.pop("href", "")).lstrip("#"), names)
        place = re.fullmatch(r"translate\((\S+?)[ ,]+(\S+)\)", found.get("transform", ""))
        if place and "x" not in found:  # the same, and shorter
            del found["transform"]
            found |= {"x": place[1], "y": place[2]}
        found = {k: v for k, v in found.items() if not (k in "xy" and _round(v) == "0")}
        return f'<use href="#{name}"{self._attributes(found, names)}/>'


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _named(name: str, names: dict[str, str]) -> str:
    if name not in names:
        raise NotDrawn(f"found a reference to {name!r}, expected a definition in the drawing")
    return names[name]
