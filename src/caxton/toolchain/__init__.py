"""Making agents from source: ``caxton new``, ``caxton build``.

From the bottom up: errors; places (SDKs and caches), files; running (a compiler, bounded); machine (what is installed);
language (what a language has to know) and languages/ (one module each); project (``agent.toml``);
create; sections, optimize (wasm-opt); building; watching. rust_std: the library that Debian's compiler lacks.
"""

from caxton.toolchain.building import Built, build
from caxton.toolchain.create import create_project
from caxton.toolchain.errors import ToolchainError
from caxton.toolchain.languages import NAMES, language
from caxton.toolchain.machine import Machine
from caxton.toolchain.project import Project, load_project

__all__ = [
    "NAMES",
    "Built",
    "Machine",
    "Project",
    "ToolchainError",
    "build",
    "create_project",
    "language",
    "load_project",
]
