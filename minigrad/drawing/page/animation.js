// Puts the parts of the page together.

const data = JSON.parse(byId("data").textContent);
const svg = document.querySelector("#scroller > svg");
const parts = partsOf(svg);
const zoom = zoomer(byId("scroller"), svg);
const film = player(data, show);

function show(number, playing) {
  const view = viewAt(data, number);
  paintPicture(parts, view, data.nothing);
  paintCard(byId("card"), data, view);
  byId("slider").value = number;
  byId("slider").setAttribute("aria-valuetext", `${number} of ${data.total}`);
  byId("count").textContent = `${number} of ${data.total}`;
  byId("spoken").textContent = view.spoken;
  byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  document.body.classList.toggle("playing", playing);
  zoom.reveal(parts.groups.get(view.lit ?? data.steps[0].box)[0]);
}

function saveSvg() {
  download(`${data.name}-step-${film.now()}.svg`, standalone(svg));
}

function toggleHelp() {
  byId("help").open = !byId("help").open;
}

const clicks = {
  first: () => film.go(0),
  back: () => film.by(-1),
  play: film.toggle,
  next: () => film.by(1),
  last: () => film.go(data.total),
  smaller: zoom.smaller,
  fit: zoom.fit,
  larger: zoom.larger,
  save: saveSvg,
};
for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);

byId("slider").addEventListener("input", (event) => film.scrub(Number(event.target.value)));
byId("slider").addEventListener("change", () => film.go(film.now(), true));
byId("speed").addEventListener("change", (event) => film.setSpeed(Number(event.target.value)));

svg.addEventListener("click", (event) => {
  const box = event.target.closest("g.node[data-box]")?.dataset.box;
  const step = data.steps.findIndex((each) => each.box === box);
  if (step >= 0) film.go(step + 1);
});

listenToKeys({
  " ": film.toggle,
  ArrowRight: clicks.next,
  ArrowLeft: clicks.back,
  "Shift+ArrowRight": () => film.nextBox(1),
  "Shift+ArrowLeft": () => film.nextBox(-1),
  Home: clicks.first,
  End: clicks.last,
  "+": clicks.larger,
  "-": clicks.smaller,
  0: clicks.fit,
  "?": toggleHelp,
});

film.go(film.now());
