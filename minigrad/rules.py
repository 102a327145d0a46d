"""What the source of an op says: which of its inputs have a rule."""

import functools
import inspect
import types


def inputs_with_a_rule(fn, signature):
    """The positions of the inputs x for which `fn` defines a rule dx; is it one `*xs`?"""
    rules = {code.co_name for code in fn.__code__.co_consts if isinstance(code, types.CodeType)}
    parameters = list(signature.parameters.values())
    slots = tuple(i for i, p in enumerate(parameters) if "d" + p.name in rules)
    if not slots:
        raise TypeError(
            f"op {fn.__name__}: no rule found. For each input x that has a derivative, define an "
            "inner function dx(g) and return (value, dx)"
        )
    return slots, parameters[slots[0]].kind is inspect.Parameter.VAR_POSITIONAL


def rule_for_each(fn, first):
    """`fn` with a rule of its own for each of the many inputs from argument `first` on."""

    @functools.wraps(fn)
    def many(*args, **kwargs):
        value, rule = fn(*args, **kwargs)
        return value, *(functools.partial(rule, i=i) for i in range(len(args) - first))

    return many
