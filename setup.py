"""What pyproject.toml cannot say of the build: a shared library of C, for any Python, on one platform; and the SDKs."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from setuptools import Command, Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build
from setuptools.command.build_py import build_py

from build_backend import shim

NO_SOURCE = {"__pycache__", "node_modules", "target", ".zig-cache", "zig-out", ".mypy_cache", ".ruff_cache"}
"""Folders that building and checking leave behind."""


class BuildShim(Command):
    """Compile the shim: into the wheel, or, for an editable installation, beside its source."""

    description = "compile the C shim"
    user_options: ClassVar[list[tuple[str, str, str]]] = []
    build_lib: str | None
    editable_mode: bool

    def initialize_options(self) -> None:
        """Set the options' defaults; setuptools sets editable_mode later."""
        self.build_lib = None
        self.editable_mode = False

    def finalize_options(self) -> None:
        """Take the place of the built package from the command that builds its Python files."""
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    def run(self) -> None:
        """Compile. An error is one clear message, without setuptools' traceback."""
        try:
            shim.build(self._target())
        except shim.ShimError as error:
            raise SystemExit(str(error)) from None

    def get_outputs(self) -> list[str]:
        """Name the file that goes into the wheel."""
        return [str(self._built())]

    def get_output_mapping(self) -> dict[str, str]:
        """For an editable installation, say where the file of the wheel really lies."""
        return {str(self._built()): str(self._target())} if self.editable_mode else {}

    def get_source_files(self) -> list[str]:
        """Name what the source distribution must hold."""
        here = Path(__file__).resolve().parent
        return [str(source.relative_to(here)) for source in shim.sources()]

    def _target(self) -> Path:
        return shim.SANDBOX / shim.library_name() if self.editable_mode else self._built()

    def _built(self) -> Path:
        return Path(str(self.build_lib), "caxton", "sandbox", shim.library_name())


class BuildWithSdks(build_py):
    """Build the package, with the SDKs in it: in ``sdk/`` in the source tree, in ``caxton/sdk`` in a wheel.

    An editable installation finds them where they are.
    """

    def run(self) -> None:
        """Copy the package, then the SDKs."""
        super().run()
        if not self.editable_mode:
            for source, target in self._sdk_files():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name the files that go into the wheel."""
        found: list[str] = super().get_outputs(include_bytecode)
        return found if self.editable_mode else [*found, *(str(target) for _, target in self._sdk_files())]

    def _sdk_files(self) -> list[tuple[Path, Path]]:
        here = Path(__file__).resolve().parent / "sdk"
        found = (path for path in sorted(here.rglob("*")) if path.is_file())
        return [
            (path, Path(str(self.build_lib), "caxton", "sdk", path.relative_to(here)))
            for path in found
            if not NO_SOURCE & set(path.relative_to(here).parts) and path.suffix not in (".wasm", ".pyc", ".map")
        ]


class Build(build):
    """Build in a directory of its own, so that nothing of an earlier build can get into a wheel."""

    sub_commands: ClassVar[list[Any]] = [*build.sub_commands, ("build_shim", None)]

    def initialize_options(self) -> None:
        """Choose the directory."""
        super().initialize_options()
        self.build_base = tempfile.mkdtemp(prefix="caxton-build-")
        atexit.register(shutil.rmtree, self.build_base, ignore_errors=True)


class PlatformWheel(bdist_wheel):
    """Tag the wheel for this platform and for any Python 3: the shim knows nothing of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tags of interpreter, ABI and platform."""
        return "py3", "none", super().get_tag()[2]


class BinaryDistribution(Distribution):
    """A distribution that belongs to one platform though it has no extension module."""

    def has_ext_modules(self) -> bool:
        """Say so."""
        return True


setup(
    distclass=BinaryDistribution,
    cmdclass={"build": Build, "build_shim": BuildShim, "build_py": BuildWithSdks, "bdist_wheel": PlatformWheel},
)
