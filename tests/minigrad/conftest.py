"""For the tests of minigrad: the pages that they open."""

import pytest
from films import DRAWINGS


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """{name: (the drawing, the page of it)}."""
    folder = tmp_path_factory.mktemp("pages")
    made = {name: make() for name, make in DRAWINGS.items()}
    return {
        name: (drawing, drawing.animate(folder / f"{name}.html")) for name, drawing in made.items()
    }


each_drawing = pytest.mark.parametrize("name", DRAWINGS)
