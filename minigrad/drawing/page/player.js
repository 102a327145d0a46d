// The one piece of state, the number of the step, and all that changes it.

const PACE = 1600; // milliseconds for a step at speed 1

function player(data, show) {
  let step = stepInAddress(data.total);
  let speed = 1;
  let timer = null;

  function go(to, jumped = Math.abs(to - step) > 1) {
    scrub(to);
    writeAddress(step, jumped);
  }

  // Without the address, which browsers let nobody write a hundred times in a few seconds.
  function scrub(to) {
    step = Math.min(Math.max(to, 0), data.total);
    if (step === data.total) pause();
    else show(step, timer !== null);
  }

  function run() {
    clearInterval(timer);
    timer = setInterval(() => go(step + 1, false), PACE / speed);
  }

  function play() {
    run();
    go(step === data.total ? 0 : step + 1, false);
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    show(step, false);
  }

  function setSpeed(to) {
    speed = to;
    if (timer !== null) run();
  }

  // The next step (or, backwards, the last one before) whose box is another.
  function nextBox(direction) {
    const boxAt = (number) => data.steps[number - 1]?.box;
    let to = step + direction;
    while (to > 0 && to < data.total && boxAt(to) === boxAt(step)) to += direction;
    go(to);
  }

  addEventListener("popstate", () => {
    step = stepInAddress(data.total);
    show(step, timer !== null);
  });

  return {
    go,
    scrub,
    by: (count) => go(step + count),
    toggle: () => (timer === null ? play() : pause()),
    setSpeed,
    nextBox,
    now: () => step,
  };
}
