"""The rooms of the package import each other in one direction only, and the tree says nothing of where it is made.

The imports are read, not run, so that those for type checkers and those inside functions count too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import caxton

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "src" / "caxton"

FLOORS: Final = (
    {"messages", "errors", "text", "jsontext"},
    {"agents"},
    {"sandbox", "routing", "supervision", "tools"},
    {"config"},
    {"host"},
    {"serving", "toolchain"},
    {"cli", "demo", "bench", "testing", "conformance"},
)
SIBLINGS_APART: Final = FLOORS[2]
THIN: Final = {("cli", "demo"), ("cli", "bench"), ("cli", "conformance"), ("bench", "conformance")}
"""On the top floor, a verb may call what it is the verb of."""

HELPED: Final = {("conformance", "testing")}
"""What plays agents uses what helps to."""

SMALL: Final = {("messages", "errors"), ("messages", "text"), ("messages", "jsontext"), ("errors", "text")}
"""On the ground floor the modules that build on each other."""


class Import(NamedTuple):
    """One import: in which file and line, of which module (a name imported from one counts as a part of it)."""

    file: str
    line: int
    room: str
    module: str


def _modules(node: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    elif isinstance(node, ast.ImportFrom):
        base = package[: len(package) - node.level + 1] if node.level else ()
        start = ".".join((*base, *(node.module or "").split("."))).strip(".")
        for alias in node.names:
            yield f"{start}.{alias.name}"


def _imports_of(path: Path) -> Iterator[Import]:
    where = path.relative_to(PACKAGE.parent)
    package = where.parent.parts
    room = package[1] if len(package) > 1 else where.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for module in _modules(node, package):
            yield Import(str(where), getattr(node, "lineno", 0), room, module)


IMPORTS: Final = [found for path in sorted(PACKAGE.rglob("*.py")) for found in _imports_of(path)]


def _room(module: str) -> str | None:
    """The room that a module of ours is in; "" for the package itself, None for a module of somebody else's."""
    first, _, rest = module.partition(".")
    if first != "caxton":
        return None
    room = rest.partition(".")[0]
    return room if any(room in floor for floor in FLOORS) else ""


def _floor(room: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if room in floor)


def _allowed(here: str, there: str) -> bool:
    if here == there:
        return True
    above, below = _floor(here), _floor(there)
    if above == below:
        return (here, there) in THIN | HELPED | SMALL
    return above > below


def _told(found: Iterable[Import]) -> list[str]:
    return [f"{one.file}:{one.line} imports {one.module}" for one in found]


def test_every_room_is_on_a_floor() -> None:
    """A new folder or module has to be given its place here."""
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py") if not path.name.startswith("_")}
    assert rooms | modules == set().union(*FLOORS)


def test_imports_are_read() -> None:
    """Also those that only a type checker sees, and those inside a function."""
    assert any(one.file.endswith("reference.py") and one.module == "caxton.host.runtime.Host" for one in IMPORTS)
    assert any(one.room == "tools" and one.module.startswith("pydantic.") for one in IMPORTS)


def test_imports_point_downwards() -> None:
    """No room imports one above it, and none beside it but for a verb its room."""
    wrong = []
    for one in IMPORTS:
        room = _room(one.module)
        if room and one.room in set().union(*FLOORS) and not _allowed(one.room, room):
            wrong.append(one)
    assert _told(wrong) == []


def test_rooms_beside_each_other_do_not_know_each_other() -> None:
    """The sandbox, routing, supervision and tools meet in the host and nowhere else."""
    wrong = [one for one in IMPORTS if one.room in SIBLINGS_APART and _room(one.module) in SIBLINGS_APART - {one.room}]
    assert _told(wrong) == []


def test_nothing_below_goes_through_the_front_door() -> None:
    """The package itself imports every room: only the rooms on the top floor may import it."""
    wrong = [one for one in IMPORTS if _room(one.module) == "" and one.room not in FLOORS[-1] | {"__main__"}]
    assert _told(wrong) == []


@pytest.mark.parametrize(
    ("module", "where"),
    [
        ("cffi", r"caxton/sandbox/native\.py"),
        ("wasmtime", r"caxton/(sandbox|bench)/.*"),
        ("extism", r"caxton/bench/.*"),
        ("typer", r"caxton/cli/.*"),
    ],
)
def test_what_comes_from_outside_comes_through_one_door(module: str, where: str) -> None:
    """The engine stays in the sandbox (and in what measures it), its C interface in one file, the terminal in cli."""
    users = [one for one in IMPORTS if one.module.partition(".")[0] == module]
    assert _told(one for one in users if not re.fullmatch(where, one.file)) == []


def test_the_demo_uses_what_everybody_can() -> None:
    """The public interface, and the escaping of untrusted text."""
    public = {f"caxton.{name}" for name in caxton.__all__} | {"caxton"}
    wrong = [
        one
        for one in IMPORTS
        if one.room == "demo" and _room(one.module) not in (None, "demo", "text") and one.module not in public
    ]
    assert _told(wrong) == []


# ---- the repository -------------------------------------------------------------------------------------------------

_SKIPPED: Final = {"__pycache__", "node_modules", "build", "dist"}
_KINDS: Final = {".py", ".c", ".h", ".wat", ".md", ".toml", ".sh", ".js", ".erl", ".svg", ".json", ".in", ".yml", ""}


def _kept(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith(".") and path.name not in (".ci", ".gitignore")
        if hidden or path.is_symlink() or path.name in _SKIPPED or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from _kept(path)
        elif path.suffix in _KINDS:
            yield path


def _mentions(pattern: str) -> list[str]:
    wanted = re.compile(pattern, re.IGNORECASE)
    found = []
    for path in _kept(ROOT):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if wanted.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    return found


def test_the_repository_is_read() -> None:
    """Sources, tests and documents alike."""
    assert {"src", "tests", "docs"} <= {path.relative_to(ROOT).parts[0] for path in _kept(ROOT)}


def test_no_path_of_one_machine() -> None:
    """The tree works wherever it lies, and for whoever has it."""
    places = ["work", "root", "home/[a-z]", "Users/[A-Z]"]
    assert _mentions(rf"(?<![\w.)}}\]*-])/({'|'.join(places)})(?![\w-])(?!\w*\.)") == []


def test_no_package_registry_is_named() -> None:
    """Which registry packages come from is the installer's to configure."""
    hosts = ["py" + "pi.org", "pythonhosted" + ".org", "registry.np" + "mjs", "deb" + ".debian.org", "index" + "-url"]
    assert _mentions("|".join(map(re.escape, hosts))) == []


def test_the_tree_speaks_for_itself() -> None:
    """A reader needs neither numbers of a tracker nor the story of how something was made."""
    words = [r"issue [#n]?\d", r"\(#\d+\)", "this " + "session", r"helper" + r" \"", "founding " + "engineer"]
    assert _mentions("|".join(words)) == []
