// [text, its contrast with what is behind it] for all that is to be read on a page.
() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  function rgb(colour) {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  }
  function luminance([r, g, b]) {
    const [x, y, z] = [r, g, b].map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  }
  function ratio(one, other) {
    const [low, high] = [luminance(rgb(one)), luminance(rgb(other))].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }
  function opaque(colour) {
    return colour !== "none" && rgb(colour)[3] === 255;
  }
  // What is behind a point of the picture: the last shape that was painted there before the text.
  function behind(text) {
    const box = text.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    let colour = getComputedStyle(document.body).backgroundColor;
    for (const shape of document.querySelectorAll("#scroller :is(polygon, path, ellipse, rect)")) {
      if (shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_PRECEDING) continue;
      const { fill } = getComputedStyle(shape);
      const at = new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse());
      if (opaque(fill) && shape.isPointInFill(at)) colour = fill;
    }
    return colour;
  }
  const found = [];
  for (const text of document.querySelectorAll("#scroller svg text")) {
    found.push([text.textContent, ratio(getComputedStyle(text).fill, behind(text))]);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim()) continue;
    if (parent.closest("svg, script, noscript, .unseen")) continue;
    let at = parent;
    while (at && !opaque(getComputedStyle(at).backgroundColor)) at = at.parentElement;
    const paper = getComputedStyle(at ?? document.body).backgroundColor;
    found.push([walker.currentNode.data, ratio(getComputedStyle(parent).color, paper)]);
  }
  return found;
}
