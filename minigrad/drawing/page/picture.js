// The view on the picture: which box is lit, what stands in each, and what flows along which edge.

// The parts of the picture that change. A value that is used far away is drawn there once more, so
// a box may have several groups: the first is where it stands itself.
function partsOf(svg) {
  const parts = { svg, top: svg.querySelector("g.graph"), groups: new Map(), edges: new Map() };
  for (const group of svg.querySelectorAll("g.node[data-box]")) {
    const box = group.dataset.box;
    const groups = parts.groups.get(box) ?? [];
    parts.groups.set(box, group.id === `node-${box}` ? [group, ...groups] : [...groups, group]);
  }
  for (const group of svg.querySelectorAll("g.edge")) parts.edges.set(group.id, group);
  parts.flows = drawn("g", { class: "flows" });
  parts.top.append(parts.flows);
  return parts;
}

function paintPicture(parts, view, nothing) {
  const targets = new Set(view.ways.map((way) => way.box));
  for (const [box, groups] of parts.groups) {
    const gradient = view.gradients[box];
    const lit = box === view.lit;
    const kinds = {
      lit,
      target: targets.has(box) && !lit,
      waiting: !gradient,
      partial: gradient?.partial,
    };
    for (const group of groups) {
      mark(group, "node", kinds);
      const line = group.querySelector(".gradient"); // there is none where none ever comes
      if (line) line.textContent = gradient ? gradient.line : nothing;
    }
  }
  const lit = new Set(view.ways.map((way) => way.edge));
  for (const [id, group] of parts.edges) mark(group, "edge", { lit: lit.has(id) });
  paintFlows(parts, view);
}

// The whole class, so that it is the same by whatever way one has come.
function mark(group, name, kinds) {
  const all = Object.keys(kinds).filter((kind) => kinds[kind]);
  group.setAttribute("class", [name, ...all].join(" "));
}

// What each way carries, in a tag on its edge, near the box that it goes to.
function paintFlows(parts, view) {
  parts.flows.replaceChildren();
  const taken = [];
  for (const way of view.ways) {
    const edge = parts.edges.get(way.edge);
    if (!edge) continue; // within a closed module
    taken.push(...[...edge.querySelectorAll("text")].map((label) => label.getBBox()));
    const at = nearTarget([...edge.querySelectorAll("path")], parts.groups.get(way.box).map(middle));
    // An arrow that points to where the gradient goes is one of a picture of backward.
    mark(edge, "edge", { lit: true, onward: at.onward });
    const text = drawn("text", { x: 0, y: 0 }, way.brief);
    const tag = drawn("g", { class: "flow" }, text);
    parts.flows.append(tag);
    const { width, height } = text.getBBox();
    const place = { x: at.x - width / 2 - 4, y: at.y - height / 2 - 1, width: width + 8, height: height + 2 };
    while (taken.some((other) => overlap(place, other))) place.y += 1;
    taken.push(place);
    tag.prepend(drawn("rect", { ...place, rx: 3 }));
    text.setAttribute("x", place.x + 4 + width / 2);
    text.setAttribute("y", place.y + place.height / 2);
  }
}

// An arrow is one path, or two with what is written on it between them.
function nearTarget(paths, targets) {
  const ends = paths.flatMap((path) => {
    const length = path.getTotalLength();
    const share = Math.min(14, length / 2);
    return [
      { end: path.getPointAtLength(0), ...point(path.getPointAtLength(share)), onward: false },
      { end: path.getPointAtLength(length), ...point(path.getPointAtLength(length - share)), onward: true },
    ];
  });
  const away = ({ end }) => Math.min(...targets.map((target) => distance(end, target)));
  return ends.reduce((best, end) => (away(end) < away(best) ? end : best));
}

function point({ x, y }) {
  return { x, y };
}

function middle(group) {
  const { x, y, width, height } = group.getBBox();
  return { x: x + width / 2, y: y + height / 2 };
}

function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

function overlap(one, other) {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}
