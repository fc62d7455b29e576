"""What this machine has: programs, Python packages, npm packages.

Nothing is looked for in the project but its ``node_modules``, and nothing in the folder where ``caxton`` was started.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import shutil
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caxton.toolchain import running
from caxton.toolchain.errors import Install, ToolchainError, failed, missing
from caxton.toolchain.places import cache_folder

_VERSION: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_PACKAGE_JSON: Final = 1 << 20
NODE: Final = Install(debian="apt install nodejs npm", macos="brew install node", note="20 or newer")
NODE_VERSION: Final = "22.23.3"
"""Of the Node.js that npm installs, where the machine's own is too old."""

_PROCESSORS: Final = {"x86_64": "x64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, as a build sees it.

    Attributes:
        install: whether npm packages that are missing may be installed, into the user's cache.
    """

    install: bool = False

    def program(self, *names: str) -> Path | None:
        """The first of these programs in the PATH, of which only absolute folders count; None where there is none."""
        folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(folder)]
        # What pip has installed beside this Python counts, activated or not.
        folders.append(sysconfig.get_path("scripts"))
        for name in names:
            found = shutil.which(name, path=os.pathsep.join(folders))
            if found is not None:
                return Path(found)
        return None

    def python_package(self, name: str) -> Path | None:
        """The folder of an installed Python package; None where it is not installed."""
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            return None
        return Path(spec.origin).parent

    def version(self, program: Path, *arguments: str) -> tuple[int, int, int] | None:
        """The first version number that a program prints about itself."""
        said = running.run([program, *arguments], what=program.name, folder=program.parent, seconds=60, check=False)
        found = _VERSION.search(said)
        return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 0))

    def number(self, program: Path, *arguments: str) -> int | None:
        """The first whole number that a program prints about itself, where that is its version."""
        said = running.run([program, *arguments], what=program.name, folder=program.parent, seconds=60, check=False)
        found = re.search(r"\d{1,6}", said)
        return None if found is None else int(found[0])

    def node(self, least: int = 20) -> Path:
        """Node.js: the machine's, or the one that npm has installed.

        Raises:
            ToolchainError: ``toolchain.missing``, there is none of at least that version.
        """
        found = self.program("node", "nodejs")
        if found is not None and (self.version(found, "--version") or (0, 0, 0))[0] >= least:
            return found
        processor = _PROCESSORS.get(platform.machine(), platform.machine())
        try:
            package = self.npm_package(f"node-{platform.system().lower()}-{processor}", NODE_VERSION)
        except ToolchainError:
            raise missing(f"Node.js {least} or newer", NODE) from None
        return package / "bin" / "node"

    def npm_package(self, name: str, version: str, project: Path | None = None) -> Path:
        """The folder of an npm package: the project's own (any version), else the cached one of just this version.

        Raises:
            ToolchainError: ``toolchain.missing``, neither is there, and it may not be installed; ``toolchain.failed``,
                it could not be.
        """
        if project is not None and (project / "node_modules" / name / "package.json").is_file():
            return project / "node_modules" / name
        home = _npm_home(name, version)
        if not home.is_dir():
            if not self.install:
                here = f"caxton build --install; or, in the project: npm install --save-dev {name}@{version}"
                raise missing(f"the npm package {name}", Install(anywhere=here))
            self._install(name, version, home)
        return home / "node_modules" / name

    def npm_cached(self, name: str, version: str) -> Path | None:
        """The folder of an npm package in the user's cache; None where it has not been installed there."""
        folder = _npm_home(name, version) / "node_modules" / name
        return folder if folder.is_dir() else None

    def npm_version(self, folder: Path) -> str:
        """The version of an npm package in a folder; empty where that cannot be read."""
        try:
            with open(folder / "package.json", "rb") as file:
                return str(json.loads(file.read(_PACKAGE_JSON))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _install(self, name: str, version: str, home: Path) -> None:
        """Installs a package in a folder of its own, which appears complete or not at all."""
        npm = self.program("npm")
        if npm is None:
            raise missing("npm", NODE)
        aside = Path(tempfile.mkdtemp(prefix="installing-", dir=home.parent))
        try:
            words = ["--no-audit", "--no-fund", "--ignore-scripts", f"{name}@{version}"]
            running.run([npm, "install", "--prefix", aside, *words], what="npm install", folder=aside, inherit=True)
            if not (aside / "node_modules" / name / "package.json").is_file():
                raise failed("npm install", f"has not installed {name}")
            try:
                aside.rename(home)
            except OSError:
                if not home.is_dir():  # else somebody else was faster
                    raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _npm_home(name: str, version: str) -> Path:
    return cache_folder("npm") / f"{name.lstrip('@').replace('/', '-')}-{version}"
