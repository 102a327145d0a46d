// Draws the page of a training from its data. All text is set as text, none as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const LOOK = 10_000; // milliseconds after which a page of a training that goes on is read again
const SVG = "http://www.w3.org/2000/svg";

function make(tag, about = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "rect", "circle"].includes(tag);
  const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(about)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} seconds`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} minutes` : `${(minutes / 60).toFixed(1)} hours`;
}

function short(value) {
  if (value === 0) return "0";
  return Math.abs(value) < 0.001 || Math.abs(value) >= 10000 ? value.toExponential(1) : String(+value.toPrecision(3));
}

const percent = (value) => `${+(100 * value).toFixed(1)}%`;

// ---- the head

const left = data.left === null ? "" : `, about ${duration(data.left)} left`;
document.getElementById("status").textContent =
  `Step ${data.step.toLocaleString("en")} of ${data.steps.toLocaleString("en")}${left}. ` +
  (data.ended ? "The training has ended." : "It goes on; this page reads itself again.") +
  ` Written ${data.written}.`;
document.getElementById("progress").value = data.step / Math.max(data.steps, 1);

// ---- curves

const WIDTH = 360, HEIGHT = 200, LEFT = 46, RIGHT = 12, TOP = 10, BOTTOM = 24;

function chart(title, names, { log = false, top = null, say = short } = {}) {
  const curves = names.map(([key, name]) => ({ name, points: data.curves[key] })).filter((c) => c.points.length);
  if (!curves.length) return;
  const values = curves.flatMap((c) => c.points.map((p) => p[1])).filter((v) => !log || v > 0);
  const level = (v) => (log ? Math.log10(Math.max(v, 1e-9)) : v);
  let low = log ? Math.min(...values.map(level)) : 0;
  let high = top ?? Math.max(...values.map(level));
  if (!(high > low)) [low, high] = [low - 0.5, low + 0.5];
  const last = Math.max(data.step, 1);
  const x = (step) => LEFT + ((WIDTH - LEFT - RIGHT) * step) / last;
  const y = (v) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * (level(v) - low)) / (high - low);
  const said = curves.map((c) => `${c.name} ${say(c.points.at(-1)[1])}`).join(", ");
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}, at the end: ${said}` });
  for (const part of [0, 0.5, 1]) {
    const at = low + part * (high - low), value = log ? 10 ** at : at;
    svg.append(make("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
    svg.append(make("text", { class: "tick", x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, say(value)));
    svg.append(make("text", { class: "tick", x: x(part * last), y: HEIGHT - 6, "text-anchor": ["start", "middle", "end"][2 * part] }, Math.round(part * last).toLocaleString("en")));
  }
  const key = make("ul", { class: "key" });
  curves.forEach((curve, i) => {
    const path = curve.points.map(([step, value], n) => `${n ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    svg.append(make("path", { class: `curve curve-${i}`, d: path }));
    if (curve.points.length === 1) svg.append(make("circle", { class: `curve curve-${i}`, cx: x(curve.points[0][0]), cy: y(curve.points[0][1]), r: 2 }));
    const sample = make("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, make("path", { class: `curve curve-${i}`, d: "M0 5H26" }));
    key.append(make("li", {}, sample, `${curve.name} ${say(curve.points.at(-1)[1])}`));
  });
  document.getElementById("curves").append(make("figure", {}, make("figcaption", {}, title), svg, key));
}

chart("Loss, nats a token", [["loss", "training"], ["validation_loss", "validation"]], { log: true });
chart("What is right, held out", [["exact_match", "whole sentences"], ["teacher_forced", "tokens, teacher-forced"], ["free_running", "tokens, free-running"]], { top: 1, say: percent });
chart("Learning rate", [["lr", "rate"]]);

// ---- the same sentences

data.examples.forEach((example, i) => {
  const rows = [];
  let before = null;
  for (const [step, written] of data.outputs) {
    if (written[i] !== before) rows.push([step, written[i]]);
    before = written[i];
  }
  const right = before === example.target;
  const table = make("table");
  for (const [step, text] of rows) table.append(make("tr", {}, make("th", { scope: "row" }, `step ${step.toLocaleString("en")}`), make("td", {}, text || "(nothing)")));
  table.append(make("tr", {}, make("th", { scope: "row" }, "right is"), make("td", {}, example.target)));
  const mark = make("span", { class: right ? "right" : "wrong" }, right ? "right" : "wrong");
  const details = make("details", i ? {} : { open: "" }, make("summary", {}, mark, ` ${example.source} → ${before ?? ""}`), table);
  document.getElementById("examples").append(details);
});

// ---- attention

if (data.attention) {
  const { queries, keys, weights } = data.attention;
  const cell = 26, margin = 14 + 8 * Math.max(...queries.map((q) => q.length)), above = 20 + 8 * Math.max(...keys.map((k) => k.length));
  const width = margin + cell * keys.length + 4, height = above + cell * queries.length + 4;
  const svg = make("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Attention from ${queries.length} tokens to ${keys.length}` });
  keys.forEach((token, j) => {
    const at = margin + cell * (j + 0.65);
    svg.append(make("text", { class: "token", transform: `translate(${at} ${above - 6}) rotate(-90)` }, token));
  });
  queries.forEach((token, i) => {
    svg.append(make("text", { class: "token", x: margin - 8, y: above + cell * (i + 0.65), "text-anchor": "end" }, token));
    keys.forEach((_, j) => {
      const about = { x: margin + cell * j, y: above + cell * i, width: cell, height: cell };
      svg.append(make("rect", { class: "heat", "fill-opacity": weights[i][j], ...about }), make("rect", { class: "cell", ...about }));
    });
  });
  const section = document.getElementById("attention");
  section.querySelector(".wide").append(svg);
  section.hidden = false;
}

// ---- numbers and configuration

const columns = [["validation_loss", "validation loss", short], ["exact_match", "whole sentences", percent], ["teacher_forced", "teacher-forced", percent], ["free_running", "free-running", percent]];
const table = make("table", {}, make("tr", {}, make("th", { scope: "col" }, "step"), ...columns.map(([, name]) => make("th", { scope: "col" }, name))));
data.curves.validation_loss.forEach(([step], n) => {
  const cells = columns.map(([key, , say]) => make("td", { class: "number" }, data.curves[key][n] ? say(data.curves[key][n][1]) : ""));
  table.append(make("tr", {}, make("th", { scope: "row" }, step.toLocaleString("en")), ...cells));
});
document.getElementById("numbers").append(table);
for (const [name, value] of data.configuration)
  document.getElementById("configuration").append(make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value)));

// ---- what was opened stays open when the page is read again

const opened = `opened ${location.pathname}`;
const all = [...document.querySelectorAll("details")];
try {
  const before = JSON.parse(sessionStorage.getItem(opened) ?? "null");
  before?.forEach((open, i) => { if (all[i]) all[i].open = open; });
  for (const each of all) each.addEventListener("toggle", () => sessionStorage.setItem(opened, JSON.stringify(all.map((one) => one.open))));
} catch { /* a browser that keeps nothing for a file */ }
if (!data.ended) setInterval(() => { if (!document.hidden) location.reload(); }, LOOK);
