"""For the whole suite: one BLAS thread, patient property tests, a browser for pages, and no skipped
test in CI."""

import os
import shutil
from contextlib import contextmanager

# The arrays here are small: a second thread costs more than it brings. Before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# A machine that does other things too must not fail a property for being slow once.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.load_profile("patient")


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio")


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, one for all tests of pages."""
    reason = "pages are tested with Playwright: pip install playwright"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("pages are tested in Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=path, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def opened(browser):
    """`with opened(path) as tab:` is a file in a new window. That it asks
    for nothing but itself and says nothing but `errors` is checked at the end."""

    @contextmanager
    def window(path, address="", errors=(), width=1280, height=720, **settings):
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        try:
            tab = context.new_page()
            asked, said = [], []
            tab.on("request", lambda request: asked.append(request.url))
            tab.on("console", lambda message: said.append(message.text))
            tab.on("pageerror", lambda error: said.append(str(error)))
            tab.on("dialog", lambda dialog: said.append(dialog.message))
            tab.goto(path.as_uri() + address)
            yield tab
            assert {url.split("#")[0] for url in asked} == {path.as_uri()}
            assert len(said) == len(errors), said
            assert all(expected in text for expected, text in zip(errors, said)), said
        finally:
            context.close()

    return window


def pytest_sessionfinish(session, exitstatus):
    """In CI everything that a test can need is installed, so a skipped one was left out."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if skipped and os.environ.get("CI"):
        print(f"\n{skipped} tests were skipped, and in CI none may be: see them with pytest -rs")
        session.exitstatus = exitstatus or 1
