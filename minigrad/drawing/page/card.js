// The card of a step: which op, where it was made, what comes in, and what goes out to each input.

function paintCard(card, data, view) {
  const held = card.contains(document.activeElement);
  card.replaceChildren(...(view.step ? cardOf(data, view) : opening(data)));
  if (held) card.focus({ preventScroll: true }); // a link that was followed is gone
}

function opening(data) {
  return [
    element("p", { class: "count" }, `Before the first of ${data.total} steps`),
    element("h2", {}, "Nothing has a gradient yet"),
    element("p", {}, data.opening),
  ];
}

function cardOf(data, { step, number, total }) {
  return [
    element("p", { class: "count" }, `Step ${number} of ${total}`),
    element("h2", {}, step.name || step.op, step.name ? element("small", {}, ` ${step.op}`) : null),
    facts([
      ["in", step.path],
      ["value", step.shape],
    ]),
    step.line ? element("pre", { class: "line" }, step.line) : null,
    element("h3", {}, "comes in"),
    numbers("incoming", step.incoming),
    step.ways.map((way) => wayOf(data, way)),
    element("p", { class: "left" }, step.left ? `${step.left} left to do` : "Backward is done."),
  ].flat().filter((part) => part !== null);
}

function facts(rows) {
  const there = rows.filter(([, text]) => text);
  return element(
    "dl",
    { class: "facts" },
    there.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))),
  );
}

function wayOf(data, way) {
  const many = way.expected > 1;
  const target = way.step ? element("a", { href: `#step=${way.step}` }, way.said) : way.said;
  return element(
    "section",
    { class: "way" },
    element("h3", {}, "goes out to ", target),
    element("pre", { class: "rule" }, data.rules[way.rule]),
    numbers("outgoing", way.outgoing),
    element("p", { class: "arrived" }, many ? dots(way) : null, waysText(way)),
    many ? element("h4", {}, way.arrived < way.expected ? "sum so far" : "sum") : null,
    many ? numbers("accumulated", way.accumulated) : null,
  );
}

function dots({ arrived, expected }) {
  if (expected > 12) return null;
  const all = Array.from({ length: expected }, (_, i) =>
    element("i", { class: i < arrived ? "full" : "" }),
  );
  return element("span", { class: "dots", "aria-hidden": "true" }, all);
}

// An array in rows, or what is said of a large one, which opens with its shape: "(64, 64): mean ...".
function numbers(name, text) {
  const words = text.startsWith("(") ? " words" : "";
  return element("pre", { class: `numbers ${name}${words}` }, text);
}
