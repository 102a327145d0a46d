"""For the whole suite: one BLAS thread, patient property tests, and no skipped test in CI."""

import os

# The arrays here are small: a second thread costs more than it brings. Before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import settings

# A machine that does other things too must not fail a property for being slow once.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.load_profile("patient")


def pytest_sessionfinish(session, exitstatus):
    """In CI everything that a test can need is installed, so a skipped one was left out."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if skipped and os.environ.get("CI"):
        print(f"\n{skipped} tests were skipped, and in CI none may be: see them with pytest -rs")
        session.exitstatus = exitstatus or 1
