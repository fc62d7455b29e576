"""Makes src/caxton/sandbox/native_abi.py: the shim's and Wasmtime's declarations in the form that cffi loads at once.

Parsing C takes cffi a tenth of a second, at each start of the command; so the headers are parsed here, and what comes
of it is a part of the source. It says which declarations it was made of: `make shim` makes it again when they have
changed, and not because cffi is another one; a test holds it to them.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import sys
import tempfile
from pathlib import Path

SANDBOX = Path(__file__).resolve().parent.parent / "src" / "caxton" / "sandbox"
HEADERS = (SANDBOX / "shim.h", SANDBOX / "wasmtime_api.h")
TARGET = SANDBOX / "native_abi.py"

PREFACE = '''\
"""Made by build_backend/native_abi.py from shim.h and wasmtime_api.h: change those, and `make shim`."""

'''


def declarations() -> str:
    """Return the C declarations of the shim and of Wasmtime's API, as cffi reads them."""
    text = "".join(header.read_text(encoding="ascii") for header in HEADERS)
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def is_stale() -> bool:
    """Tell whether TARGET is missing, or was made of other declarations."""
    return not TARGET.exists() or _mark() not in TARGET.read_text(encoding="ascii")


def make() -> None:
    """Write TARGET."""
    from cffi import FFI

    ffi = FFI()
    ffi.cdef(declarations())
    ffi.set_source("caxton.sandbox.native_abi", None)
    with tempfile.TemporaryDirectory(prefix="caxton-abi-") as room:
        made = Path(room) / TARGET.name
        with contextlib.redirect_stdout(io.StringIO()):  # it says what it does
            ffi.emit_python_code(str(made))
        _, _, code = made.read_text(encoding="ascii").partition("\n")
    TARGET.write_text(f"{PREFACE}{_mark()}{code}", encoding="ascii")


def _mark() -> str:
    return f"# of declarations with the SHA-256 {hashlib.sha256(declarations().encode()).hexdigest()}\n"


def main() -> int:
    """Write the file if the declarations have changed."""
    if is_stale():
        make()
        print(f"wrote {TARGET.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
