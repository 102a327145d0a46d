"""Graphviz's part: a description of a picture in, the picture out, and into a file."""

from __future__ import annotations

import importlib.util
import os
import shutil
import xml.etree.ElementTree as ElementTree
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
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
