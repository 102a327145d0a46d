"""Pages of one file: HTML, styles, scripts and data put together, so that nothing is loaded.

The files beside this one hold one idea each and are written as they are read. Scripts share one
module's scope, in the order in which they are named.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent


def assembled(
    template: str, styles: Iterable[str], scripts: Iterable[str], data: Any, **slots: str
) -> str:
    """The text of a page: the file `template`, with `$style`, `$script`, `$data`, `$policy` and
    those in `slots` filled in. The slot named `picture` is markup, any other is text.

    Its Content-Security-Policy lets it run these styles and scripts and nothing else, and load
    nothing at all.
    """
    style, script = together(styles), together(scripts)
    allowed = {"script": script, "style": style}
    policy = "; ".join(
        ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
        + [f"{kind}-src '{fingerprint(text)}'" for kind, text in allowed.items()]
    )
    texts = {name: text if name == "picture" else html.escape(text) for name, text in slots.items()}
    return Template(read(template)).substitute(
        texts, policy=policy, style=style, script=script, data=as_json(data)
    )


def together(names: Iterable[str]) -> str:
    """The files of these names, one after the other."""
    return "\n" + "\n".join(read(name) for name in names)


def read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def fingerprint(text: str) -> str:
    """What a Content-Security-Policy knows a style or a script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def as_json(data: Any) -> str:
    """JSON that no text in it can lead out of its script element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
