// The keyboard. What has the focus keeps the keys that it answers itself.

function listenToKeys(actions) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const name = `${event.shiftKey && event.key.length > 1 ? "Shift+" : ""}${event.key}`;
    if (!actions[name] || answersItself(event.target, event.key)) return;
    event.preventDefault();
    actions[name]();
  });
}

function answersItself(target, key) {
  if (target.closest("select")) return true;
  if (key === " ") return target.closest("button, summary, a") !== null;
  return false;
}
