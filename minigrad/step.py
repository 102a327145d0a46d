"""`python -m minigrad.step SCRIPT.py[:loss]` steps through backward of what a script computes."""

import sys

from .stepping.step import step
from .terminal.script import main

if __name__ == "__main__":
    sys.exit(main())

# `mg.step` is the function, and stays it: `import minigrad.step` hands to the package, under the
# name `step`, what then stands here.
sys.modules[__name__] = step  # type: ignore[assignment]
