"""Graphviz's part: a description of a picture in, the picture out, and into a file."""

from __future__ import annotations

import importlib.util
import os
import shutil
import warnings
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from graphviz import Digraph

ENDINGS = ("svg", "png", "pdf", "dot")
MISSING = (
    "drawing needs Graphviz: pip install pygraphviz, or install the system's graphviz package "
    "(the dot program)"
)
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


class Picture:
    """A picture that is ready to be written. It shows itself in Jupyter."""

    def __init__(self, digraph: Digraph):
        self.digraph = digraph

    @property
    def source(self) -> str:
        """The picture in Graphviz's language, DOT."""
        return self.digraph.source

    def svg(self) -> str:
        """The picture as the text of an SVG. Raises RuntimeError where Graphviz is missing."""
        if not can_render():
            raise RuntimeError(MISSING)
        return rendered(self.digraph, "svg").decode()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to `path`, which ends in .svg, .png, .pdf or .dot; returns its Path.

        Where Graphviz is missing it warns, and writes (and returns) the .dot file instead.
        """
        path = Path(path)
        ending = path.suffix[1:].lower()
        if ending not in ENDINGS:
            raise ValueError(
                f"cannot draw to {path.name or str(path)!r}: its ending has to be one of ."
                + ", .".join(ENDINGS)
            )
        if ending != "dot" and not can_render():
            ending, path = "dot", path.with_suffix(".dot")
            warnings.warn(f"{MISSING}; wrote {path} instead", stacklevel=2)
        write(path, self.source.encode() if ending == "dot" else rendered(self.digraph, ending))
        return path

    def _repr_svg_(self) -> str | None:
        return self.svg() if can_render() else None

    def __repr__(self) -> str:
        missing = "" if can_render() else f"; {MISSING}"
        return f"<{type(self).__name__}: .svg(), .save(path) or .source{missing}>"


def can_render() -> bool:
    """Whether there is Graphviz: the `dot` program, or pygraphviz, whose wheels carry it."""
    return bool(shutil.which("dot") or importlib.util.find_spec("pygraphviz"))


def rendered(digraph: Digraph, ending: str) -> bytes:
    """The picture as bytes."""
    if ending == "png":
        digraph = digraph.copy()
        digraph.attr(dpi="192")  # sharp on a slide
    if shutil.which("dot"):
        picture: bytes = digraph.pipe(format=ending)
    else:
        import pygraphviz  # noqa: PLC0415  an extra

        whole = pygraphviz.AGraph(string=digraph.source)
        picture = cast(bytes, whole.draw(format=ending, prog="dot"))
    return titled(picture) if ending == "svg" else picture


def titled(svg: bytes) -> bytes:
    """The SVG with the tooltips as titles, which browsers show and read aloud, in the place of
    Graphviz's own, such as `n1`."""
    for prefix, uri in (("", SVG), ("xlink", XLINK)):
        ElementTree.register_namespace(prefix, uri)
    root = ElementTree.fromstring(svg)
    for group in list(root.iter(f"{{{SVG}}}g")):
        title = group.find(f"{{{SVG}}}title")
        for inner in group.findall(f"{{{SVG}}}g"):
            link = inner.find(f"{{{SVG}}}a")
            if title is not None and link is not None:
                title.text = link.get(f"{{{XLINK}}}title")
                place = list(group).index(inner)
                group[place : place + 1] = list(link)  # it leads nowhere: what is in it is kept
    join_arrows(root)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def join_arrows(root: ElementTree.Element) -> None:
    """Make one group again of each arrow that was cut in two at its label (see arrows.py)."""
    parents = {group.get("id", ""): (parent, group) for parent in root.iter() for group in parent}
    for id, (parent, label) in parents.items():
        if label.get("class") == "node label":
            arrow = id.removesuffix("-label")
            around, rest = parents[f"{arrow}-on"]
            parents[arrow][1].extend([*rest[1:], *label[1:]])  # without their titles
            parent.remove(label)
            around.remove(rest)


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    except OSError as error:
        why = error.strerror or error
        raise type(error)(f"{str(path)!r} could not be written: {why}") from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
