"""What is drawn open and what is drawn as one box, so that a picture of anything can be read."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from .boxes import Group, is_call, with_boxes
from .calls import LEAVES, Calls, Item
from .repeats import Repeat, longest_run, repeats

if TYPE_CHECKING:
    from .graph import Cluster, Graph, GraphNode

MOST = 60  # boxes in a picture that nobody has asked more of
ROOM = 24  # ops and boxes in a call of very many that is open nevertheless
LEAST = 100  # a section is a box only if it holds this part of all, or the boxes would be too many
FEW = 8  # leaves that all sections of a box share, and that are still drawn


def folded(graph: Graph, depth: int | None = None, expand: str | Iterable[str] = ()) -> Graph:
    """The graph with boxes: see Graph.fold."""
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, Integral)):
        raise TypeError(f"depth is how many levels stay open, a whole number; not {depth!r}")
    if depth is not None and depth < 0:
        raise ValueError(f"depth is how many levels stay open, 0 or more; not {depth}")
    whole = fitting(graph, expand)
    if depth is None and len(graph.nodes) <= MOST:
        return with_boxes(graph, ())
    calls = Calls(graph)
    if depth is None:
        return with_boxes(graph, Automatic(calls).groups(whole))
    opened = {call for call in graph.root.walk() if call.depth <= depth} | with_outer(whole)
    groups = [group for call in opened for group in closed_calls(calls, call, opened)]
    return with_boxes(graph, groups)


def with_outer(calls: Iterable[Cluster]) -> set[Cluster]:
    """The calls, and all that they were made in."""
    found: set[Cluster] = set()
    for call in calls:
        outer: Cluster | None = call
        while outer is not None and outer not in found:
            found.add(outer)
            outer = outer.parent
    return found


def patterns_in(expand: str | Iterable[str]) -> list[str]:
    """One pattern or several as a list. Raises TypeError for what is no text."""
    one = isinstance(expand, str) or not isinstance(expand, Iterable)
    patterns: list[Any] = [expand] if one else list(expand)
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(f"expand takes patterns such as 'encoder.*', not {pattern!r}")
    return patterns


def fitting(graph: Graph, expand: str | Iterable[str]) -> set[Cluster]:
    """The calls whose path one of the patterns fits. Raises ValueError for one that fits none."""
    found: set[Cluster] = set()
    calls = list(graph.root.walk())
    for pattern in patterns_in(expand):
        if not pattern.strip():
            raise ValueError(
                'expand: an empty pattern opens nothing; name a module, as "encoder.layers.0.*", '
                'or open everything with "*"'
            )
        # The second call of a module is "name (2)".
        paths = {call: re.sub(r" \(\d+\)$", "", call.path) for call in calls}
        fits = {
            call for call in calls
            if fnmatchcase(paths[call], pattern) or fnmatchcase(call.path, pattern)
        }  # fmt: skip
        if not fits:
            named = [path for path in dict.fromkeys(paths.values()) if path]
            near = difflib.get_close_matches(pattern, named[:5000], n=4, cutoff=0.4) or named[:4]
            there_is = f"there is {', '.join(near)}" if near else "it has none"
            raise ValueError(f"expand: no module of this graph fits {pattern!r}; {there_is}")
        found |= fits
    return found


def closed_calls(calls: Calls, home: Cluster, opened: set[Cluster]) -> list[Group]:
    """A group for each call in `home` that is closed; equal ones that follow each other share one.
    They follow where the second uses what the first computed and nothing is done in between."""
    groups: list[Group] = []
    before: Item | None = None
    for item in calls.items[home]:
        if is_call(item) and item not in opened:
            inside = list(calls.inside(item))
            alike = before is not None and calls.symbol(before) == calls.symbol(item)
            if alike and calls.follows([item], [before]):  # type: ignore[list-item]
                last = groups[-1]
                last.items.append(item)
                last.nodes += inside
                last.times += 1
            else:
                groups.append(Group(home, inside, [item]))
            before = item
        else:
            before = None
    return groups


class Automatic:
    """Opens calls as long as there are at most MOST boxes: the call with most ops first, and with
    it all of its class that can be seen, so that equal things look equal."""

    def __init__(self, calls: Calls):
        self.calls = calls
        self.graph = calls.graph
        self.opened = {self.graph.root}
        self.long: set[Cluster] = set()  # the open calls in which ops are in sections
        self.of_home = {self.graph.root: closed_calls(calls, self.graph.root, self.opened)}

    def groups(self, whole: set[Cluster]) -> list[Group]:
        """All that is to be one box each, where all of the calls in `whole` is open besides."""
        if self.boxes() > MOST:
            self.long.add(self.graph.root)
            self.of_home[self.graph.root] = self.in_sections(self.graph.root, self.opened)
        while self.boxes() < MOST and self.open_largest():
            pass
        if whole:
            self.opened |= with_outer(whole)
            self.long -= whole
            for home in self.opened:
                inside = self.in_sections if home in self.long else self.in_calls
                self.of_home[home] = inside(home, self.opened)
        groups = [group for groups in self.of_home.values() for group in groups]
        groups += [inputs for group in groups for inputs in group.beside]
        if self.boxes() > MOST and not whole:
            groups += self.leaves_together(groups)
        return groups

    def in_calls(self, home: Cluster, opened: set[Cluster]) -> list[Group]:
        return closed_calls(self.calls, home, opened)

    def boxes(self, of_home: dict[Cluster, list[Group]] | None = None) -> int:
        of_home = self.of_home if of_home is None else of_home
        hidden = sum(group.size for groups in of_home.values() for group in groups)
        return len(self.graph.nodes) - hidden

    def open_largest(self) -> bool:
        """Open the closed calls of one class more; False where they do not fit."""
        size: dict[str, int] = defaultdict(int)
        of_class: dict[str, list[Cluster]] = defaultdict(list)
        for groups in self.of_home.values():
            for call in (call for group in groups for call in group.calls):
                start, end = self.calls.span(call)
                size[call.module] = max(size[call.module], end - start)
                of_class[call.module].append(call)
        if not size:
            return False
        chosen = of_class[max(size, key=lambda name: size[name])]
        opened = self.opened | set(chosen)
        homes = {call.parent for call in chosen if call.parent is not None}
        trial = dict(self.of_home)
        for home in homes:
            inside = self.in_sections if home in self.long else self.in_calls
            trial[home] = inside(home, opened)
        trial |= {home: self.in_calls(home, opened) for home in chosen}
        long = self.long
        if self.boxes(trial) > MOST:
            trial |= {home: self.in_sections(home, opened) for home in chosen}
            long = self.long | set(chosen)
        if self.boxes(trial) > MOST or len(opened) > MOST:
            return False
        self.opened, self.of_home, self.long = opened, trial, long
        return True

    def in_sections(self, home: Cluster, opened: set[Cluster]) -> list[Group]:
        """The groups of a call of very many ops: sections that repeat are a box each and, in the
        outermost call, so is the middle of what is still too long."""
        groups = closed_calls(self.calls, home, opened)
        group_of = {item: group for group in groups for item in group.items}
        units = list(dict.fromkeys(group_of.get(item, item) for item in self.calls.items[home]))
        for chained in (True, False):
            units = self.folded_repeats(home, units, opened, chained)
        only = home.parent is None or home.parent.children == [home]
        if len(units) > 2 * ROOM and only:
            first, last = units[: ROOM // 2], units[-ROOM // 2 :]
            middle = units[len(first) : -len(last)]
            if not any(unit in opened for unit in middle):
                units = [*first, self.section(home, middle, 1), *last]
        return [unit for unit in units if isinstance(unit, Group)]

    def folded_repeats(
        self, home: Cluster, units: list, opened: set[Cluster], chained: bool
    ) -> list:
        """The units (ops, open calls and groups) with those that repeat in groups, until there are
        few enough. Sections that are `chained` use what the one before computed."""
        if len(units) <= ROOM:
            return units
        symbols = []
        for i, unit in enumerate(units):
            if isinstance(unit, Group):
                symbols.append(self.calls.symbol(unit.items[0]) if unit.calls else -1 - i)
            else:  # an open call is like no other
                symbols.append(-1 - i if unit in opened else self.calls.symbol(unit))
        items = [unit.items if isinstance(unit, Group) else [unit] for unit in units]
        left, chosen, taken = len(units), [], np.zeros(len(units), bool)
        for repeat in repeats(symbols, max(4, len(units) // LEAST)):
            if taken[repeat.start : repeat.end].any():
                continue
            found = self.checked(items, repeat, chained)
            if found.times > 1:
                taken[found.start : found.end] = True
                chosen.append(found)
                left -= found.period * found.times - 1
            if left <= ROOM:
                break
        for found in sorted(chosen, reverse=True):
            group = self.section(home, units[found.start : found.end], found.times)
            units = [*units[: found.start], group, *units[found.end :]]
        return units

    def checked(self, items: Sequence[Sequence[Item]], found: Repeat, chained: bool) -> Repeat:
        """The longest part of a repeat whose sections are connected alike, too."""
        cuts = range(found.start, found.end, found.period)
        sections = [[i for part in items[at : at + found.period] for i in part] for at in cuts]
        first, count = longest_run(
            [self.calls.structure(section) for section in sections],
            lambda i: not chained or self.calls.follows(sections[i], sections[i - 1]),
        )
        return Repeat(found.start + first * found.period, found.period, count)

    def section(self, home: Cluster, units: Sequence, times: int) -> Group:
        """A group of units that follow each other, `times` equal sections of them, with the leaves
        that nothing else uses."""
        items = [i for unit in units for i in (unit.items if isinstance(unit, Group) else [unit])]
        nodes = [node for item in items for node in self.calls.inside(item)]
        group = Group(home, nodes, items, times)
        length = len(units) // times
        part_of = {}  # {node: which of the sections it is in, and where in that}
        for i, unit in enumerate(units):
            for item in unit.items if isinstance(unit, Group) else [unit]:
                part_of |= {
                    node.id: (i // length, i % length, at)
                    for at, node in enumerate(self.calls.inside(item))
                }
        self.gather_leaves(group, part_of)
        return group

    def gather_leaves(self, group: Group, part_of: dict[str, tuple[int, int, int]]) -> None:
        """Let the leaves disappear that only the sections of `group` use. Of repeated sections
        those stay that all of them share, if they are few, and what only the first begins with;
        and data of which each has some is one box beside it."""
        used = dict.fromkeys(e.source for id in part_of for e in self.calls.inputs[id])
        own = [
            node
            for node in (self.graph.by_id[id] for id in used if id not in part_of)
            if node.kind in LEAVES and all(e.target in part_of for e in self.calls.uses[node.id])
        ]
        if group.times == 1:
            group.leaves = own
            return
        at_slot: dict[tuple, list[GraphNode]] = defaultdict(list)
        shared = []
        for node in own:
            uses = self.calls.uses[node.id]
            if len({part_of[edge.target][0] for edge in uses}) > 1:
                shared.append(node)
            else:
                at_slot[(*part_of[uses[0].target][1:], uses[0].argument)].append(node)
        group.leaves = shared if len(shared) > FEW else []
        for nodes in at_slot.values():
            if len(nodes) > 1 and (nodes[0].kind == "input" or nodes[0].name):
                group.beside.append(Group(self.calls.home[nodes[0].id], nodes))
            elif len(nodes) > 1:
                group.leaves += nodes

    def leaves_together(self, groups: list[Group]) -> list[Group]:
        """Groups of leaves of one kind that are used by the same boxes, the largest first, until
        there are few enough boxes."""
        box_of = {n.id: group for group in groups for n in (*group.nodes, *group.leaves)}
        alike: dict[tuple, list[GraphNode]] = defaultdict(list)
        for node in self.graph.nodes:
            if node.kind in LEAVES and node.id not in box_of:
                users = {box_of.get(e.target, e.target) for e in self.calls.uses[node.id]}
                alike[node.kind, self.calls.home[node.id], frozenset(users)].append(node)
        found, boxes = [], self.boxes()
        for (_, home, _), nodes in sorted(alike.items(), key=lambda entry: -len(entry[1])):
            if boxes <= MOST or len(nodes) < 2:
                break
            found.append(Group(home, nodes))
            boxes -= len(nodes) - 1
        return found
