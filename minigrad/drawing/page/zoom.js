// How large the picture is in its scroller, and that what is lit is in sight.

const LEGIBLE = 0.75; // a picture that would be smaller to fit is shown at its own size, to scroll

const calm = matchMedia("(prefers-reduced-motion: reduce)");

function zoomer(scroller, svg) {
  const { width, height } = svg.viewBox.baseVal;
  const own = 4 / 3; // CSS pixels of a point

  function whole() {
    const room = [scroller.clientWidth / width, scroller.clientHeight / height];
    return Math.min(...room, 2 * own);
  }

  let scale = Math.max(whole(), LEGIBLE * own);

  function resize(to) {
    const centre = {
      x: (scroller.scrollLeft + scroller.clientWidth / 2) / scale,
      y: (scroller.scrollTop + scroller.clientHeight / 2) / scale,
    };
    scale = Math.min(Math.max(to, 0.02), 8);
    svg.style.width = `${Math.floor(width * scale)}px`;
    svg.style.height = `${Math.floor(height * scale)}px`;
    scroller.scrollLeft = centre.x * scale - scroller.clientWidth / 2;
    scroller.scrollTop = centre.y * scale - scroller.clientHeight / 2;
  }

  // Scroll so that a group stands in the middle, unless all of it is in sight.
  function reveal(group) {
    const room = scroller.getBoundingClientRect();
    const box = group.getBoundingClientRect();
    const margin = 24;
    const seen =
      box.left >= room.left + margin &&
      box.right <= room.right - margin &&
      box.top >= room.top + margin &&
      box.bottom <= room.bottom - margin;
    if (seen) return;
    scroller.scrollBy({
      left: (box.left + box.right - room.left - room.right) / 2,
      top: (box.top + box.bottom - room.top - room.bottom) / 2,
      behavior: calm.matches ? "instant" : "smooth",
    });
  }

  resize(scale);
  return {
    larger: () => resize(scale * 1.25),
    smaller: () => resize(scale / 1.25),
    fit: () => resize(whole()),
    reveal,
  };
}
