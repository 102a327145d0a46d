// What there is to see at a step: a pure function of the recorded steps and a number. 0 is before
// the first step. So to go back, to scrub and to open a link are all the same as to go on.

function viewAt(data, number) {
  const done = data.steps.slice(0, number);
  const step = done.at(-1) ?? null;
  return {
    number,
    total: data.total,
    step,
    lit: step && step.box,
    gradients: gradientsAfter(done),
    ways: step ? step.ways : [],
    spoken: sentence(data, step, number),
  };
}

// {box: its gradient so far, as the line in it, and whether more is to come}
function gradientsAfter(done) {
  const gradients = {};
  if (done.length) gradients[done[0].node] = { line: done[0].gradient, partial: false };
  for (const { ways } of done) {
    for (const { target, gradient, arrived, expected } of ways) {
      gradients[target] = { line: gradient, partial: arrived < expected };
    }
  }
  return gradients;
}

function waysText({ arrived, expected }) {
  if (expected === 1) return "the only way to it";
  return `${arrived} of ${expected} ways arrived`;
}

function sentence(data, step, number) {
  if (!step) return `Before the first of ${data.total} steps. Nothing has a gradient yet.`;
  const ways = step.ways.map(
    (way) => `To ${way.said}: ${way.brief}${way.expected > 1 ? `, ${waysText(way)}` : ""}.`,
  );
  const place = step.path ? ` in ${step.path}` : "";
  return `Step ${number} of ${data.total}: ${step.op}${place}. In: ${step.brief}. ${ways.join(" ")}`;
}
