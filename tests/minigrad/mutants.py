"""Wrong versions of every rule, made from its source: the checks of op_checks.py must reject them.

A mutant is the op's module with one expression of one rule (or of a helper that rules call)
changed: a sign, a factor, a constant, an axis, a comparison, a dropped call, or the sum over
broadcast axes left out.
"""

import ast
import copy
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from op_cases import MODULES, OPS, TABLE
from op_checks import check

# Changes that change nothing that one could see, and why.
EQUIVALENT = {
    "the branch for a plain number is only faster": [
        "pow.da: b -> a (another variable)",
        "pow.da: b -> g (another variable)",
    ],
    "zero times any finite number is zero": [
        "pow.da: g -> a (another variable)",
        "pow.da: 1 -> 2 (another constant)",
        "std.dx: 1 -> 2 (another constant)",
    ],
    "with create_graph all that a rule is given are tensors": [
        "sigmoid.dx: x -> g (another variable)"
    ],
    "the value has as many axes as the input": ["transpose.dx: g -> x (another variable)"],
    "a product over flat rows is only faster": [
        "linear.dx: as_rows(g) -> g (its first argument alone)"
    ],
    "the tape sums over rows too, only slower": [
        *(
            f"normalize.dgamma: {change}"
            for change in (
                "summed(g * normal, gamma) -> g * normal (its first argument alone)",
                *(f"gamma -> {other} (another variable)" for other in ("beta", "g", "x")),
            )
        ),
        "normalize.dbeta: summed(g, beta) -> g (its first argument alone)",
        *(f"normalize.dbeta: beta -> {other} (another variable)" for other in ("g", "gamma", "x")),
        "linear.dbias: np.ndim(bias) == 1 -> np.ndim(bias) != 1 (another comparison)",
        "linear.dbias: sum_of_rows(as_rows(g)) -> as_rows(g) (its first argument alone)",
        *(f"linear.dbias: bias -> {other} (another variable)" for other in ("g", "weight", "x")),
        "linear.dbias: 1 -> 2 (another constant)",
    ],
    "NumPy's floor_divide takes the numbers of a tensor itself": [
        "mod.db: plain(a) -> a (its first argument alone)",
        "mod.db: plain(b) -> b (its first argument alone)",
    ],
    "the last axis is counted like any other, only slower": [
        "count_along: axis -> 0 (another axis)"
    ],
    "a size below 0 means the rest": [
        "count_along: return shape[-1] -> return -shape[-1] (negated)"
    ],
    "to choose by np.where is only slower": [
        "only_where: np.isfinite(np.vdot(y, y)) -> np.vdot(y, y) (its first argument alone)"
    ],
    "to put entries on the diagonal of one axis is only slower": [
        "einsum.doperands: len(unique) < len(axes) -> len(unique) <= len(axes) (another comparison)"
    ],
    "it is called twice, and the two are multiplied": ["before: return y -> return -y (negated)"],
    "a doubling too many multiplies by ones": [
        "before: x.shape[-1] - 2 -> x.shape[-1] + 2 (another operator)",
        "before: x.shape[-1] - 2 -> x.shape[-1] (only the left)",
    ],
    "the ones like a tensor are an array too": [
        "shifted: plain(x) -> x (its first argument alone)"
    ],
}
# Helpers that choose the faster of several ways to the same numbers: of these only what they return
# is changed, since it makes no difference which way is chosen; and nothing of what only makes the
# array that a product is written into.
CHOOSING = {"row_sum", "row_dot", "product", "sum_of_rows"}
MAKING_ROOM = {"in_order_of", "repeated"}

OPERATORS = {
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
}
COMPARISONS = {
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
}


@dataclass
class Mutant:
    place: str  # "mul.da": what was changed
    change: str  # "g * b -> g (only the left)"
    functions: dict  # {op: its wrong version}, several if a helper was changed
    effects: list | None = None  # of one that may change nothing: an entry each time it did

    def __str__(self):
        return f"{self.place}: {self.change}"


def rejection(mutant):
    """The error by which a check rejects the mutant; None if every case of its ops passes."""
    for name, function in mutant.functions.items():
        for case in ROWS[name].cases:
            try:
                check(case, function)
            except Exception as error:
                return error
    return None


# ---- what can be changed


def changes(node, names):
    """(another expression or statement, what it is called) for a node of a rule."""
    if isinstance(node, ast.Return):
        yield ast.Return(ast.UnaryOp(ast.USub(), node.value)), "negated"
        yield ast.Return(ast.BinOp(node.value, ast.Mult(), ast.Constant(2))), "doubled"
    elif isinstance(node, ast.BinOp):
        for other in OPERATORS.get(type(node.op), []):
            yield ast.BinOp(node.left, other(), node.right), "another operator"
        yield node.left, "only the left"
        if not isinstance(node.op, (ast.Div, ast.Pow)):
            yield node.right, "only the right"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand, "no minus"
    elif isinstance(node, ast.AugAssign):
        for other in OPERATORS.get(type(node.op), []):
            yield ast.AugAssign(node.target, other(), node.value), "another operator"
        yield ast.Pass(), "left out"
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in COMPARISONS.get(type(node.ops[0]), []):
            yield ast.Compare(node.left, [other()], node.comparators), "another comparison"
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield ast.Constant(node.value + 1), "another constant"
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value), "another constant"
    elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield node.value, "not transposed"
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        if node.id in ("axis", "axes", "along"):
            yield ast.Constant(0), "another axis"
            yield ast.Constant(-1), "another axis"
        elif node.id == "keepdims":
            yield ast.UnaryOp(ast.Not(), node), "the opposite"
        elif node.id in names:
            for other in sorted(names - {node.id}):
                yield ast.Name(other, ast.Load()), "another variable"
    elif isinstance(node, ast.Call):
        yield from changed_calls(node)


def changed_calls(node):
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    if name == "where":
        condition, a, b = node.args
        yield ast.Call(node.func, [condition, b, a], []), "branches swapped"
        yield a, "the first branch alone"
        yield b, "the second branch alone"
    elif name in ("sin", "cos"):
        other = {"sin": "cos", "cos": "sin"}[name]
        yield ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, []), other
    elif node.args and not isinstance(node.args[0], ast.Starred) and name not in ("range", "tuple"):
        yield node.args[0], "its first argument alone"
    elif name in ("sum", "reshape", "astype"):
        yield node.func.value, "left out"


def sites(function):
    """(parent, field, position in a list or None, node) for all in its body that can be changed."""
    returns = [r for r in ast.walk(function) if isinstance(r, ast.Return)]
    returned = {node for r in returns for node in ast.walk(r)}
    for parent in ast.walk(function):
        if isinstance(parent, ast.arguments) or ast.unparse(parent) == "-1":
            continue  # NumPy takes any negative size for "the rest"
        for name, value in ast.iter_fields(parent):
            for i, node in enumerate(value if isinstance(value, list) else [value]):
                if function.name in CHOOSING and node not in returned:
                    continue
                if isinstance(node, ast.AST):
                    yield parent, name, i if isinstance(value, list) else None, node


def put_in(parent, name, i, node):
    if i is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[i] = node


# ---- making them


class Source:
    """A module of minigrad.ops as a tree, whose functions can be changed one at a time."""

    def __init__(self, module):
        self.module = module
        self.tree = ast.parse(Path(module.__file__).read_text())
        functions = [f for f in self.tree.body if isinstance(f, ast.FunctionDef)]
        functions.sort(key=lambda f: bool(f.decorator_list))  # an op goes before what calls it
        self.functions = {f.name: f for f in functions}

    def made(self, **extra):
        """What the tree makes when it is run, as it says now; `extra` takes the place of what the
        module imports."""
        space = {"__name__": self.module.__name__, "__package__": self.module.__package__}
        exec(compile(ast.fix_missing_locations(self.tree), "<mutant>", "exec"), space)
        space.update(extra)
        return space

    def ops(self, names, **extra):
        """{name: op}, as the tree says now."""
        space = self.made(**extra)
        return {name: space[name] for name in names}

    def rules(self, name):
        """{name of the rule: its tree} of an op."""
        parameters = arguments_of(self.functions[name])
        return {
            f.name: f
            for f in self.functions[name].body
            if isinstance(f, ast.FunctionDef) and f.name[1:] in parameters
        }

    def helpers(self, name):
        """{(name, Source): tree} of the functions that the rules of the op call, in this module or
        in one that it imports them from, and those that these call."""
        found, left = {}, [(self, tree) for tree in self.rules(name).values()]
        while left:
            source, tree = left.pop()
            for node in ast.walk(tree):
                called = node.id if isinstance(node, ast.Name) else None
                home = source.home_of(called)
                if home is None or (called, home) in found or called in MAKING_ROOM:
                    continue
                helper = home.functions[called]
                if not helper.decorator_list:
                    found[called, home] = helper
                    left.append((home, helper))
        return found

    def home_of(self, called):
        """The Source of the function that the module knows by this name; None for all others."""
        if called in self.functions:
            return self
        module = sys.modules.get(
            getattr(getattr(self.module, called or "", None), "__module__", "")
        )
        if module in MODULES and called in source_in(module).functions:
            return source_in(module)
        return None


def arguments_of(function):
    given = function.args
    return {a.arg for a in [*given.args, *([given.vararg] if given.vararg else [])]}


SOURCES = {}
ROWS = {row.name: row for row in TABLE}


def source_of(name):
    """The Source in which the op `name` is written."""
    return source_in(sys.modules[OPS[name].fn.__module__])


def source_in(module):
    if module not in SOURCES:
        SOURCES[module] = Source(module)
    return SOURCES[module]


NAMES = [row.name for row in TABLE if row.name in OPS]


def all_rules():
    """(op, rule) for every rule in the project."""
    return [(name, rule) for name in NAMES for rule in source_of(name).rules(name)]


def mutants_of(name, rule):
    """Every mutant of one rule; the sum over broadcast axes left out comes last."""
    source = source_of(name)
    tree = source.rules(name)[rule]
    inputs = {r[1:] for r in source.rules(name)} - {"operands", "arrays"}
    yield from changed(source, [name], tree, inputs | {"g"}, f"{name}.{rule}")
    yield unsummed(name, rule)


def mutants_of_helpers():
    """The mutants of the functions that rules call, held against all ops whose rules do."""
    users = {}  # {(helper, its source): the ops that use it}
    for name in NAMES:
        for helper in source_of(name).helpers(name):
            users.setdefault(helper, []).append(name)
    for (helper, source), names in users.items():
        yield from changed(source, names, source.functions[helper], set(), helper)


def changed(source, ops, tree, names, place):
    """A mutant for each change of each expression of a rule or helper."""
    for parent, part, i, node in list(sites(tree)):
        for other, what in changes(node, names):
            text = f"{short(node)} -> {short(other)} ({what})"
            put_in(parent, part, i, copy.deepcopy(other))
            functions = with_helpers_of(source, ops)
            put_in(parent, part, i, node)
            yield Mutant(place, text, functions)


def with_helpers_of(source, ops):
    """{name: op}, where the functions of `source` are as its tree says now."""
    made, functions = source.made(), {}
    for name in ops:
        home = source_of(name)
        if home is source:
            functions[name] = made[name]
        else:
            imported = {key: made[key] for key in source.functions if hasattr(home.module, key)}
            functions |= home.ops([name], **imported)
    return functions


def unsummed(name, rule):
    """The rule with only the first of the copies of a broadcast input taken, in place of the sum
    over them that the engine makes. It has `effects` only where a case broadcasts."""
    source, effects = source_of(name), []
    tree = source.rules(name)[rule]

    def first_copy(d, shape):
        if d.shape == shape or not d.size:
            return d
        effects.append(shape)
        kept = tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)
        return d[(0,) * (d.ndim - len(shape)) + kept]

    many = source.functions[name].args.vararg
    value = f"{rule[1:]}[i]" if many else rule[1:]
    whole = list(tree.body)
    for i, node in enumerate(whole):
        if isinstance(node, ast.Return):
            call = ast.parse(f"first_copy(0, np.shape({value}))").body[0].value
            call.args[0] = node.value
            tree.body[i] = ast.Return(call)
    functions = source.ops([name], first_copy=first_copy, np=np)
    tree.body[:] = whole
    change = "the sum over broadcast axes left out"
    return Mutant(f"{name}.{rule}", change, functions, effects)


def short(node):
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:59] + "…"


# ---- trying them


@dataclass
class Tried:
    """What became of the mutants."""

    rules: dict = field(default_factory=dict)  # {"mul.da": how many of its mutants were rejected}
    made: int = 0
    rejected: int = 0
    raised: int = 0  # of the rejected, those that stopped with an error, not with a wrong number
    survivors: list = field(default_factory=list)
    excused: list = field(default_factory=list)

    def attempt(self, mutant):
        error = rejection(mutant)
        if error is None and mutant.effects == []:
            return  # nothing broadcasts here
        self.made += 1
        self.rules.setdefault(mutant.place, 0)
        if error is not None:
            self.rejected += 1
            self.rules[mutant.place] += 1
            self.raised += not isinstance(error, AssertionError)
        else:
            (self.excused if excuse(mutant) else self.survivors).append(mutant)


def excuse(mutant):
    """Why a mutant that no check rejects is none, or None."""
    return next((why for why, texts in EQUIVALENT.items() if str(mutant) in texts), None)


def try_all():
    """Every mutant there is, against every case until one rejects it."""
    tried = Tried()
    for name, rule in all_rules():
        for mutant in mutants_of(name, rule):
            tried.attempt(mutant)
    for mutant in mutants_of_helpers():
        tried.attempt(mutant)
    return tried
