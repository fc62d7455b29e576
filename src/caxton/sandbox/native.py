"""Loads Wasmtime's shared library and the shim. What Caxton uses of both is declared in shim.h and wasmtime_api.h, from
which native_abi.py is made: to parse C took a third of each start.

One foreign-function library (cffi) and one place: no other module opens a shared library. The C API is not a stable
ABI, so the installed ``wasmtime`` must be exactly the version that the declarations were written for.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any, Final

from caxton.sandbox import native_abi

WASMTIME_VERSION: Final = "50.0.1"
SHIM_VERSION: Final = 5


class NativeError(ImportError):
    """The native parts cannot be loaded; the message says which and what to do about it."""


def wasmtime_library() -> Path:
    """Where the installed ``wasmtime`` package keeps its shared library.

    Raises:
        NativeError: the package is missing, of another version than ``WASMTIME_VERSION``, or has no library.
    """
    spec = importlib.util.find_spec("wasmtime")
    folder = Path((spec and spec.origin) or "").parent
    # What installers leave beside a package tells as much as importlib.metadata, which takes 25 ms to import.
    installed = [path.name for path in folder.parent.glob("wasmtime-*.dist-info")] if spec else []
    if installed != [f"wasmtime-{WASMTIME_VERSION}.dist-info"]:
        _check_version()
    found = sorted(folder.glob("*/_libwasmtime.*")) or sorted(folder.glob("*/_wasmtime.*"))
    if not found:
        raise NativeError(f"wasmtime {WASMTIME_VERSION} has no shared library for {sys.platform} {os.uname().machine}")
    return found[0]


def _check_version() -> None:
    import importlib.metadata  # only where something is unusual

    try:
        version = importlib.metadata.version("wasmtime")
    except importlib.metadata.PackageNotFoundError:
        raise NativeError(
            f"caxton needs wasmtime {WASMTIME_VERSION}: pip install wasmtime=={WASMTIME_VERSION}"
        ) from None
    if version != WASMTIME_VERSION:
        raise NativeError(
            f"caxton needs wasmtime {WASMTIME_VERSION} and found {version}: pip install wasmtime=={WASMTIME_VERSION}"
        )


def shim_library() -> Path:
    """Where the shim lies, compiled when Caxton was installed."""
    suffix = "dylib" if sys.platform == "darwin" else "so"
    path = Path(__file__).with_name(f"_shim.{suffix}")
    if not path.exists():
        raise NativeError(
            f"{path.name} is missing: Caxton was not installed, only copied. `pip install` it; where there is no C "
            "compiler, that fetches one"
        )
    return path


def _load() -> tuple[Any, Any, Any]:
    found: Any = native_abi.ffi
    try:
        # The shim's symbols resolve against this library: it must be loaded first, and globally.
        library = found.dlopen(str(wasmtime_library()), found.RTLD_NOW | found.RTLD_GLOBAL)
        shim = found.dlopen(str(shim_library()), found.RTLD_NOW)
    except OSError as error:
        raise NativeError(f"a native part of Caxton does not load: {error}") from error
    if shim.cx_version() != SHIM_VERSION:
        raise NativeError("the compiled shim is of another version than Caxton: install Caxton again")
    return found, library, shim


# Structures are known to C alone: to a type checker all three are opaque.
ffi: Any
wasmtime: Any
shim: Any
ffi, wasmtime, shim = _load()


def take_bytes(vector: Any) -> bytes:
    """Copies a ``wasm_byte_vec_t`` and frees it."""
    content = bytes(ffi.buffer(vector.data, vector.size)) if vector.size else b""
    wasmtime.wasm_byte_vec_delete(vector)
    return content


def take_error(error: Any) -> str | None:
    """The message of a ``wasmtime_error_t``, which is freed; None where there was no error."""
    if not error:
        return None
    vector = ffi.new("wasm_byte_vec_t *")
    wasmtime.wasmtime_error_message(error, vector)
    wasmtime.wasmtime_error_delete(error)
    return take_bytes(vector).decode("utf-8", "replace")
