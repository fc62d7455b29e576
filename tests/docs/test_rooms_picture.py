"""The picture of the rooms shows the rooms that there are."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import caxton
from tests.docs.pages import DOCS

PICTURE = DOCS / "images" / "rooms.svg"
PACKAGE = Path(caxton.__file__).parent
SVG = "{http://www.w3.org/2000/svg}"


def _shown() -> list[str]:
    texts = ElementTree.parse(PICTURE).iter(f"{SVG}text")  # noqa: S314 - a file of our own
    return [text.text or "" for text in texts if text.get("class") == "name"]


def test_it_shows_every_room_once_and_no_other() -> None:
    """Each folder and module of the package, but for what begins with an underscore, is in the picture."""
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py") if not path.name.startswith("_")}
    assert sorted(_shown()) == sorted(rooms | modules)


def test_it_does_without_the_network() -> None:
    """The picture is drawn from itself alone: no scripts, fonts or images from elsewhere."""
    found = {element.tag.removeprefix(SVG) for element in ElementTree.parse(PICTURE).iter()}  # noqa: S314
    assert found <= {"svg", "title", "desc", "style", "defs", "marker", "g", "rect", "text", "path"}
    assert "url(http" not in PICTURE.read_text()
