"""One module of a model by itself, at work on what it is given within the whole."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import minigrad as mg

from ..text.showing import shown


def output_of(model: Any, path: str, run_whole: Callable[[], object]) -> mg.Tensor:
    """What the module at `path`, as "encoder.layers.0", computes of the inputs that it gets when
    `run_whole()` runs the whole model: with a graph that begins at these inputs."""
    modules = dict(model.named_modules())
    if path not in modules or not path:
        near = get_close_matches(path, filter(None, modules), n=1)
        guess = f"; did you mean {near[0]!r}?" if near else "."
        some = ", ".join(name for name in modules if name and name.count(".") < 3)
        raise ValueError(f"the model has no module {shown(path)!r}{guess} It has {some}, ...")
    module, calls = modules[path], []
    forward = module.forward

    def watched(*args: Any, **kwargs: Any) -> Any:
        calls.append((args, kwargs))
        return forward(*args, **kwargs)

    vars(module)["forward"] = watched  # over the method of the class
    try:
        run_whole()
    finally:
        del vars(module)["forward"]
    if not calls:
        raise ValueError(f"the module {path!r} is not used where a sentence is translated")
    args, kwargs = calls[0]
    inputs: dict[int, mg.Tensor] = {}  # one that is given twice, as to self-attention, stays one

    def cut_off(value: Any) -> Any:
        if not isinstance(value, mg.Tensor) or isinstance(value, mg.Parameter):
            return value
        return inputs.setdefault(id(value), value.detach().named(value.name or "input"))

    result = module(*map(cut_off, args), **{name: cut_off(x) for name, x in kwargs.items()})
    if not isinstance(result, mg.Tensor):
        raise ValueError(f"the module {path!r} gives no tensor, so there is nothing to draw")
    return result
