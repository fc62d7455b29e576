"""Makes src/caxton/sandbox/native_abi.py: the shim's and Wasmtime's declarations in the form that cffi loads at once.

Parsing C takes cffi a tenth of a second, at each start of the command; so the headers are parsed here, and what comes
of it is a part of the source. `make shim` writes it; a test holds it to the headers.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
from pathlib import Path

SANDBOX = Path(__file__).resolve().parent.parent / "src" / "caxton" / "sandbox"
HEADERS = (SANDBOX / "shim.h", SANDBOX / "wasmtime_api.h")
TARGET = SANDBOX / "native_abi.py"

PREFACE = '"""Made by build_backend/native_abi.py from shim.h and wasmtime_api.h: change those, and `make shim`."""\n\n'


def declarations() -> str:
    """Return the C declarations of the shim and of Wasmtime's API, as cffi reads them."""
    text = "".join(header.read_text(encoding="ascii") for header in HEADERS)
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def generated() -> str:
    """Return what TARGET should hold."""
    from cffi import FFI

    ffi = FFI()
    ffi.cdef(declarations())
    ffi.set_source("caxton.sandbox.native_abi", None)
    with tempfile.TemporaryDirectory(prefix="caxton-abi-") as room:
        made = Path(room) / TARGET.name
        with contextlib.redirect_stdout(io.StringIO()):  # it says what it does
            ffi.emit_python_code(str(made))
        _, _, code = made.read_text(encoding="ascii").partition("\n")
    return PREFACE + code


def main() -> int:
    """Write the file if it does not hold what it should; with --if-stale, only look where a header is newer."""
    newest = max(header.stat().st_mtime for header in HEADERS)
    if "--if-stale" in sys.argv[1:] and TARGET.exists() and TARGET.stat().st_mtime >= newest:
        return 0
    wanted = generated()
    if not TARGET.exists() or TARGET.read_text(encoding="ascii") != wanted:
        TARGET.write_text(wanted, encoding="ascii")
        print(f"wrote {TARGET.name}")
    else:
        TARGET.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
