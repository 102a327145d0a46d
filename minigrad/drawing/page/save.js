// The picture as it is seen, as a file of its own: its styles are written into its elements.

const INLINED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family"];
INLINED.push("font-size", "font-weight", "text-anchor", "dominant-baseline");

function standalone(svg) {
  const copy = svg.cloneNode(true);
  const pairs = [[svg, copy]];
  while (pairs.length) {
    const [seen, written] = pairs.pop();
    const style = getComputedStyle(seen);
    for (const name of INLINED) written.setAttribute(name, style.getPropertyValue(name));
    [...seen.children].forEach((child, i) => pairs.push([child, written.children[i]]));
  }
  const { width, height } = svg.viewBox.baseVal;
  copy.setAttribute("width", `${width}pt`);
  copy.setAttribute("height", `${height}pt`);
  for (const name of ["style", "aria-label", "role"]) copy.removeAttribute(name);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
}

function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
