// The step in the address, as in page.html#step=12: a link opens there, and the back button works.

function stepInAddress(total) {
  const found = new URLSearchParams(location.hash.slice(1)).get("step") ?? "";
  return /^\d+$/.test(found) ? Math.min(Number(found), total) : 0;
}

// A jump is worth an entry in the history; a neighbouring step takes the place of the last one, or
// the back button would lead through the whole film once more.
function writeAddress(step, jumped) {
  const address = `#step=${step}`;
  if (location.hash === address) return;
  if (jumped) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}
