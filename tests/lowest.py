"""The lowest versions that setup.cfg allows of what runs and draws, as constraints for pip.

python tests/lowest.py > lowest.txt; pip install --constraint lowest.txt ".[pictures,test]"
"""

import configparser
import re
from pathlib import Path

SETTINGS = Path(__file__).parents[1] / "setup.cfg"


def lowest(text):
    """`numpy==2.0` for each line `numpy>=2.0`; comments and lines without a bound are left out."""
    return [f"{name}=={version}" for name, version in re.findall(r"^(\w+)>=([\d.]+)$", text, re.M)]


def main():
    settings = configparser.ConfigParser()
    settings.read(SETTINGS, encoding="utf-8")
    needed = settings["options"]["install_requires"]
    drawing = settings["options.extras_require"]["pictures"]
    print("\n".join(lowest(needed) + lowest(drawing)))


if __name__ == "__main__":
    main()
