"""JavaScript and TypeScript projects are built of their own files alone, and mistakes in them are told in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from caxton.errors import HostError
from caxton.sandbox.component_binary import read_outline
from caxton.toolchain import ToolchainError, build
from tests.sdk.components import component, project
from tests.sdk.projects import MACHINE

COMPONENT = b"\0asm\x0d\0\x01\0"
"""How a component begins (component-model, Binary.md)."""


@pytest.mark.parametrize("name", ["javascript", "typescript"])
def test_what_caxton_new_makes_is_built_untouched(name: str) -> None:
    """A new project becomes a component."""
    assert component(name).startswith(COMPONENT)


def test_its_code_is_one_module() -> None:
    """The engine, its libraries and the agent; what fills a table waits for their memory, and nothing else takes it."""
    modules = read_outline(component("javascript")).modules
    assert [module for module in modules if sum(module.memories)] == [modules[0]]
    assert 1 == sum(module.imported_memories for module in modules)


def test_a_package_of_the_project_is_bundled(tmp_path: Path) -> None:
    """What lies in the project's node_modules can be imported by its name, CommonJS included."""
    folder = project("javascript", tmp_path / "agent")
    package = folder / "node_modules" / "shout"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "shout", "version": "1.0.0", "main": "main.js"}')
    (package / "main.js").write_text("module.exports = (text) => `${text}!`;")
    (folder / "src" / "agent.js").write_text('import shout from "shout"; export default (m) => shout(m.text);')
    assert build(folder, machine=MACHINE).module.read_bytes().startswith(COMPONENT)


@pytest.mark.parametrize("way", ["relative", "link"])
def test_a_file_outside_of_the_project_is_refused(tmp_path: Path, way: str) -> None:
    """Neither a path nor a link of npm's brings a file of the machine into a module."""
    folder = project("javascript", tmp_path / "agent")
    (tmp_path / "secret.json").write_text('{"key": "secret"}')
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "link.json").symlink_to(tmp_path / "secret.json")
    place = "../../secret.json" if way == "relative" else "../node_modules/link.json"
    (folder / "src" / "agent.js").write_text(f'import secret from "{place}"; export default () => secret.key;')
    with pytest.raises(HostError, match=r"secret\.json, which lies outside of its project") as found:
        build(folder, machine=MACHINE)
    assert found.value.code == "config.invalid"
    assert not list(folder.glob("*.wasm"))


def test_a_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    """What does not parse is toolchain.failed, with file and line."""
    folder = project("javascript", tmp_path / "agent")
    (folder / "src" / "agent.js").write_text("export default (m) =>\n  m.text(;\n")
    with pytest.raises(ToolchainError) as found:
        build(folder, machine=MACHINE)
    assert found.value.code == "toolchain.failed"
    assert "src/agent.js:2:9" in found.value.output


def test_a_wrong_type_is_told_with_its_place(tmp_path: Path) -> None:
    """TypeScript's own compiler has a say, unless the project says otherwise."""
    folder = project("typescript", tmp_path / "agent")
    source = 'import { tell } from "../caxton/index.js";\nimport "./nothing.js";\nexport default () => tell(7, "");\n'
    (folder / "src" / "agent.ts").write_text(source)
    with pytest.raises(ToolchainError) as found:
        build(folder, machine=MACHINE)
    assert found.value.code == "toolchain.failed"
    assert "src/agent.ts(3,27): error TS2345" in found.value.output
    with open(folder / "agent.toml", "a") as file:
        file.write("[options]\ncheck = false\n")
    with pytest.raises(ToolchainError) as found:
        build(folder, machine=MACHINE)
    assert "esbuild failed" in str(found.value)
    assert "TS2345" not in found.value.output


def test_an_agent_without_a_function_is_refused_when_it_is_built(tmp_path: Path) -> None:
    """It runs its top level then, and the SDK looks for the function."""
    folder = project("javascript", tmp_path / "agent")
    (folder / "src" / "agent.js").write_text("export const answer = 42;\n")
    with pytest.raises(ToolchainError) as found:
        build(folder, machine=MACHINE)
    assert "must export a function" in found.value.output


def test_a_project_without_its_source_says_what_is_missing(tmp_path: Path) -> None:
    """Nothing to build is the project's mistake."""
    folder = project("javascript", tmp_path / "agent")
    (folder / "src" / "agent.js").unlink()
    with pytest.raises(HostError, match=r"no src/agent\.js") as found:
        build(folder, machine=MACHINE)
    assert found.value.code == "config.invalid"
