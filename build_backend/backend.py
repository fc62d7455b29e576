"""The PEP 517 and PEP 660 hooks: those of setuptools, which also ask for a C compiler where the machine has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from setuptools import build_meta

from build_backend import shim

Settings = Mapping[str, Any] | None

build_sdist = build_meta.build_sdist
build_wheel = build_meta.build_wheel
build_editable = build_meta.build_editable
get_requires_for_build_sdist = build_meta.get_requires_for_build_sdist
prepare_metadata_for_build_wheel = build_meta.prepare_metadata_for_build_wheel
prepare_metadata_for_build_editable = build_meta.prepare_metadata_for_build_editable


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Return what building a wheel needs besides setuptools."""
    return _with_compiler(build_meta.get_requires_for_build_wheel, config_settings)


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """Return what an editable installation needs besides setuptools."""
    return _with_compiler(build_meta.get_requires_for_build_editable, config_settings)


def _with_compiler(asked: Callable[[Settings], list[str]], config_settings: Settings) -> list[str]:
    try:
        return [*asked(config_settings), *shim.extra_requirements()]
    except shim.ShimError as error:
        raise SystemExit(str(error)) from None
