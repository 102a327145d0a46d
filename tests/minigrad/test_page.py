"""A page is for all, a function of its step, and lets nothing in or out."""

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from films import DRAWINGS, attention, count, fan_out, lines, lit, shown, steps_of, texts

import minigrad as mg
from minigrad import draw
from minigrad.drawing import animate, page
from minigrad.drawing.numbers import in_short

SVG = "{http://www.w3.org/2000/svg}"
DEVIL = "</script><img src=x onerror=alert(1)>&\"'"
each_drawing = pytest.mark.parametrize("name", DRAWINGS)


# ---- the view is a function of the step


@each_drawing
def test_back_scrubbing_and_links_show_the_same_as_stepping_on(opened, files, name):
    drawing, path = files[name]
    total = len(steps_of(drawing))
    with opened(path) as tab:
        onward = [shown(tab)]
        for _ in range(total):
            tab.keyboard.press("ArrowRight")
            onward.append(shown(tab))
        assert len(set(onward)) == total + 1
        back = [shown(tab)]
        for _ in range(total):
            tab.keyboard.press("ArrowLeft")
            back.append(shown(tab))
        assert back[::-1] == onward
        for step in np.random.default_rng(1).permutation(total + 1).tolist():
            tab.locator("#slider").fill(str(step))
            assert shown(tab) == onward[step]
    for step in (0, total // 2, total):
        with opened(path, f"#step={step}") as tab:
            assert shown(tab) == onward[step]


def test_the_step_is_in_the_address(opened, files):
    drawing, path = files["fan-out"]
    cases = {"": 0, "#": 0, "#step=2": 2, "#step=999": 4, "#step=-1": 0, "#step=1e0": 0}
    cases |= {"#step=<b>": 0, "#other=3": 0, "#other=3&step=1": 1, "#step=" + "9" * 400: 4}
    with opened(path) as tab:
        for address, step in cases.items():
            tab.goto(path.as_uri() + address)
            tab.reload()
            assert count(tab) == f"{step} of 4", address
            assert tab.evaluate("location.hash") == f"#step={step}"


def test_the_back_button_goes_to_where_one_jumped_from(opened, files):
    drawing, path = files["attention"]
    total = len(steps_of(drawing))
    with opened(path, "#step=2") as tab:
        tab.click("#next")
        tab.click("#last")
        assert count(tab) == f"{total} of {total}"
        tab.go_back()
        assert count(tab) == f"3 of {total}"
        tab.go_forward()
        assert count(tab) == f"{total} of {total}"
        tab.evaluate("location.hash = 'step=1'")
        tab.locator("#count", has_text=f"1 of {total}").wait_for()
        tab.click("#card a")
        assert count(tab) == f"2 of {total}"
        tab.locator("#slider").fill("5")
        assert tab.evaluate("location.hash") == "#step=5"
        tab.go_back()
        assert count(tab) == f"2 of {total}"


def test_a_click_on_a_box_goes_to_its_step(opened, files):
    drawing, path = files["attention"]
    scores = next(step for step in steps_of(drawing) if step.node.name == "scores")
    with opened(path) as tab:
        tab.click(f"#node-{scores.node.id}")
        assert count(tab) == f"{scores.number} of {scores.total}"


def test_over_a_picture_of_backward_it_goes_along_the_arrows(opened, tmp_path):
    drawing = draw(fan_out(), direction="backward", saved=True, numbers=False)
    path = drawing.animate(tmp_path / "film.html")
    with opened(path) as tab:
        for step in steps_of(drawing):
            tab.keyboard.press("ArrowRight")
            ways = {f"edge-{way.target.id}-{step.node.id}" for way in step.ways}
            edges = tab.locator("g.edge.lit.onward").evaluate_all("all => all.map(g => g.id)")
            assert len(edges) == len(step.ways)
            assert {edge.removesuffix("-2") for edge in edges} == ways
        assert set(lines(tab).values()) == {"grad: 1", "grad: [1, 1]", "grad: [7, -11]"} | {
            "grad: [21, -33]"
        }


def test_a_value_that_is_drawn_again_far_away_is_lit_there_too(opened, tmp_path):
    w = mg.Parameter(np.eye(2) * 0.5)
    x = mg.Tensor(np.ones((1, 2)), name="x")
    for _ in range(70):
        x = x @ w
    drawing = draw(x.sum(), expand="*")
    assert "_for_" in drawing.source
    path = drawing.animate(tmp_path / "film.html")
    with opened(path, "#step=40") as tab:
        assert tab.locator("g.edge.lit").count() == tab.locator(".flow").count() == 2
        assert tab.locator("g.node.target").count() > 2


# ---- for all


def test_the_keyboard_does_all_of_it(opened, files):
    drawing, path = files["attention"]
    total = len(steps_of(drawing))
    with opened(path) as tab:
        for key, at in (("End", total), ("ArrowLeft", total - 1), ("Home", 0), ("ArrowRight", 1)):
            tab.keyboard.press(key)
            assert count(tab) == f"{at} of {total}"
        tab.clock.install()
        tab.keyboard.press("Space")
        assert tab.get_attribute("#play", "aria-label") == "Pause"
        assert count(tab) == f"2 of {total}"
        tab.clock.run_for(3_300)
        assert count(tab) == f"4 of {total}"
        tab.keyboard.press("Space")
        tab.clock.run_for(10_000)
        assert tab.get_attribute("#play", "aria-label") == "Play"
        assert count(tab) == f"4 of {total}"
        width = "document.querySelector('#scroller svg').clientWidth"
        before = tab.evaluate(width)
        tab.keyboard.press("+")
        assert tab.evaluate(width) > before
        tab.keyboard.press("-")
        assert abs(tab.evaluate(width) - before) <= 1
        tab.keyboard.press("?")
        assert tab.locator("#help dl").is_visible()


def test_it_plays_to_its_end_and_again_from_the_start(opened, files):
    drawing, path = files["fan-out"]
    with opened(path) as tab:
        tab.clock.install()
        tab.click("#play")
        tab.clock.run_for(2_000)
        assert count(tab) == "2 of 4"
        tab.select_option("#speed", "4")
        tab.clock.run_for(2_000)
        assert count(tab) == "4 of 4" and tab.get_attribute("#play", "aria-label") == "Play"
        tab.click("#play")
        assert count(tab) == "0 of 4" and tab.get_attribute("#play", "aria-label") == "Pause"
        tab.clock.run_for(500)
        assert count(tab) == "1 of 4"


def test_what_has_the_focus_is_named_and_outlined(opened, files):
    drawing, path = files["attention"]
    with opened(path, "#step=3") as tab:
        seen = []
        while True:
            tab.keyboard.press("Tab")
            found = tab.evaluate(
                """() => {
                  const on = document.activeElement;
                  const { outlineStyle, outlineWidth } = getComputedStyle(on);
                  const name = on.getAttribute("aria-label") || on.labels?.[0]?.textContent
                    || on.textContent;
                  return [on.id || on.tagName, name.trim(), outlineStyle, parseFloat(outlineWidth)];
                }"""
            )
            if found[0] in ("BODY", *seen[:1]):
                break
            seen.append(found[0])
            assert found[1] and found[2] == "solid" and found[3] >= 2, found
    assert {"scroller", "save", "play", "next", "slider", "speed", "SUMMARY", "A"} <= set(seen)


def test_a_screen_reader_is_told_each_step(opened, files):
    drawing, path = files["fan-out"]
    with opened(path) as tab:
        assert tab.get_attribute("#spoken", "aria-live") == "polite"
        for step in steps_of(drawing):
            tab.keyboard.press("ArrowRight")
            told = tab.text_content("#spoken")
            assert told.startswith(f"Step {step.number} of {step.total}: {step.node.label}")
            assert all(in_short(way.outgoing) in told for way in step.ways)


CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 23, 28)"}


@each_drawing
def test_all_text_can_be_read_in_light_and_in_dark(opened, files, name):
    drawing, path = files[name]
    with opened(path) as tab:
        tab.keyboard.press("?")
        total = int(tab.get_attribute("#slider", "max"))
        for scheme, paper in PAPER.items():
            tab.emulate_media(color_scheme=scheme)
            assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == paper
            for step in (0, total // 2, total):
                tab.locator("#slider").fill(str(step))
                found = tab.evaluate(CONTRAST)
                assert len(found) > 40
                assert [each for each in found if each[1] < 4.5] == []


@pytest.mark.parametrize("motion, moves", [("reduce", "none"), ("no-preference", "run")])
def test_nothing_moves_for_who_asks_for_calm(opened, files, motion, moves):
    drawing, path = files["fan-out"]
    with opened(path, reduced_motion=motion) as tab:
        tab.keyboard.press("ArrowRight")
        assert count(tab) == "1 of 4"
        edge = "getComputedStyle(document.querySelector('.edge.lit path')).animationName"
        assert tab.evaluate(edge) == moves
        running = tab.evaluate("document.getAnimations().length")
        assert running == (0 if moves == "none" else 1)


NARROW = """() => [
  document.documentElement.scrollWidth,
  ...[...document.querySelectorAll("button, #slider, select, summary, #card *")]
    .filter((each) => !each.closest("pre")).map((each) => each.getBoundingClientRect())
    .flatMap(({ left, right }) => [right, 360 - left]),
]"""


@each_drawing
def test_a_narrow_window_scrolls_the_picture_alone(opened, files, name):
    drawing, path = files[name]
    with opened(path, width=360, height=740) as tab:
        for _ in range(4):
            assert max(tab.evaluate(NARROW)) <= 360
            tab.keyboard.press("ArrowRight")


def test_what_is_lit_is_in_sight(opened, files):
    drawing, path = files["attention"]
    with opened(path, width=360, height=600, reduced_motion="reduce") as tab:
        for _ in steps_of(drawing):
            tab.keyboard.press("ArrowRight")
            box, room = (tab.locator(each).bounding_box() for each in ("g.node.lit", "#scroller"))
            assert room["y"] <= box["y"]  # the outline may touch the border
            assert box["y"] + box["height"] <= room["y"] + room["height"] + 4
            assert room["x"] <= box["x"] + box["width"] / 2 <= room["x"] + room["width"]


# ---- saving


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_seen_can_be_saved(opened, files, tmp_path, scheme):
    drawing, path = files["fan-out"]
    with opened(path, "#step=3", color_scheme=scheme) as tab:
        with tab.expect_download() as download:
            tab.click("#save")
        assert download.value.suggested_filename == "fan-out-step-3.svg"
        saved = tmp_path / "saved.svg"
        download.value.save_as(saved)
        box = lit(tab)[0]
        seen = {
            each: tab.evaluate(f"getComputedStyle(document.querySelector('#{box} > {each}')).fill")
            for each in ("path", "text.gradient")
        }
        words = texts(tab, "#scroller svg text")
    root = ElementTree.parse(saved).getroot()
    assert root.tag == f"{SVG}svg" and not list(root.iter(f"{SVG}script"))
    assert [text.text for text in root.iter(f"{SVG}text")] == words
    group = next(group for group in root.iter(f"{SVG}g") if group.get("id") == box)
    assert group.find(f"{SVG}path").get("fill") == seen["path"]
    assert group.findall(f"{SVG}text")[-1].get("fill") == seen["text.gradient"]
    with opened(saved) as tab:  # a picture by itself, without the page's styles
        outline = f"getComputedStyle(document.querySelector('#{box} > path'))"
        assert tab.evaluate(f"{outline}.fill") == seen["path"]
        assert tab.evaluate(f"{outline}.strokeWidth") == "3px"


# ---- nothing is let in, nothing goes out


def test_no_script_runs_but_its_own(opened, files):
    drawing, path = files["fan-out"]
    refused = ["Content Security Policy"] * 5  # fetch says it twice
    with opened(path, errors=refused) as tab:
        tab.evaluate(
            """async () => {
              const script = document.createElement("script");
              script.textContent = "window.hit = true";
              document.body.append(script);
              document.body.insertAdjacentHTML("beforeend", "<p onclick='hit = true'>");
              document.body.lastChild.click();
              document.body.insertAdjacentHTML("beforeend", "<style>body { color: red }</style>");
              await fetch("https://example.com/").catch(() => {});
            }"""
        )
        assert tab.evaluate("window.hit") is None
        assert tab.evaluate("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"


def test_a_name_is_only_ever_text(opened, tmp_path):
    x = mg.Tensor([2.0], True, name=DEVIL)
    loss = (x * x).named(DEVIL).sum().named(DEVIL)
    path = draw(loss).animate(tmp_path / "devil.html")
    with opened(path) as tab:
        for _ in range(3):
            assert tab.locator("img").count() == 0
            assert DEVIL in tab.inner_text("h1") and tab.title() == f"Backward of {DEVIL}"
            assert DEVIL in tab.text_content("#scroller")
            tab.keyboard.press("ArrowRight")
        assert tab.text_content("#card h2") == f"{DEVIL} mul"
        assert f"a = {DEVIL}" in tab.text_content("#card")


# ---- the file, without a browser


class Outline(HTMLParser):
    """Elements, ids and what a page asks for. Each element has to be closed where it should be."""

    VOID = {"meta", "input", "link", "br", "img"}

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.ids, self.asks, self.handlers = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.asks += [v for name, v in attrs if name in ("src", "href", "action", "xlink:href")]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def outline(path):
    found = Outline()
    found.feed(path.read_text(encoding="utf-8"))
    found.close()
    return found


@each_drawing
def test_the_file_is_whole_and_asks_for_nothing(files, name):
    drawing, path = files[name]
    text, found = path.read_text(encoding="utf-8"), outline(path)
    assert found.open == [] and {"html", "head", "body", "main", "svg"} <= set(found.seen)
    assert sorted(set(found.ids)) == sorted(found.ids)
    assert found.asks == [] and found.handlers == [] and found.seen.count("script") == 2
    assert set(re.findall(r"https?://[^\s\"'<>]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'" in text and "unsafe" not in text
    assert "@import" not in text and "url(" not in text
    assert len(text) < 100_000 + 5_000 * len(drawing.graph.nodes)


def test_the_same_computation_gives_the_same_bytes(tmp_path):
    one, other = (draw(attention()).animate(tmp_path / folder) for folder in ("a.html", "b.html"))
    same = one.read_text(encoding="utf-8").replace('"name":"a"', '"name":"b"')
    assert same == other.read_text(encoding="utf-8")


def test_the_data_is_json_that_leaves_its_element_nowhere():
    text = page.as_json({"name": DEVIL})
    assert "<" not in text and json.loads(text) == {"name": DEVIL}


def test_the_package_holds_the_files_that_pages_are_made_of():
    there = {path.name for path in page.HERE.iterdir() if path.suffix in (".html", ".css", ".js")}
    assert there == {"animation.html", *animate.STYLES, *animate.SCRIPTS}
    for name in there - {"animation.html"}:
        assert not re.search(r"</(script|style)", page.read(name), re.IGNORECASE), name


def test_every_colour_of_the_pictures_has_one_for_the_dark():
    styles = page.read("picture.css")
    drawings = [make() for make in DRAWINGS.values()]
    for drawing in (*drawings, draw(fan_out(), direction="backward")):
        root = ElementTree.fromstring(drawing.svg())
        for each in root.iter():
            for kind in ("fill", "stroke"):
                colour = each.get(kind)
                if colour in (None, "none", "transparent"):
                    continue
                assert f'[{kind}="{colour}"]' in styles, f"{each.tag} {kind} {colour}"
    for colour in draw_colours():
        assert f'"{colour.lower()}"' in styles, colour


def draw_colours():
    """All that the drawing of pictures names, whether these pictures have them or not."""
    here = Path(animate.__file__).parent
    texts = [
        (here / name).read_text(encoding="utf-8") for name in ("draw.py", "arrows.py", "labels.py")
    ]
    return {colour for text in texts for colour in re.findall(r"#[0-9A-F]{6}", text)}
