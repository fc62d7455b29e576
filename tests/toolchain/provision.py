"""Gets what agents of every language are built with, as far as npm and this machine have it, and says what is missing.

``make tests`` runs it first: an installation is then no part of a test's time, and it is seen which languages
will not be tested here.
"""

from __future__ import annotations

import time

from caxton.conformance.languages import build_agent
from caxton.errors import CaxtonError
from caxton.toolchain import NAMES, Machine, language
from caxton.toolchain.optimize import find_wasm_opt

SLOW_AT_FIRST = ("cpp", "go")
"""Whose compilers make the language's own library when they are used for the first time: not twice, by two tests."""


def main() -> None:
    """Looks for each, installing what may be installed; never fails."""
    machine = Machine(install=True)
    for name in NAMES:
        began = time.monotonic()
        try:
            found = language(name).find(machine).version
            if name in SLOW_AT_FIRST:
                build_agent(name)
        except CaxtonError as error:
            print(f"{name}: will not be tested here: {error}", flush=True)
        else:
            print(f"{name}: {found} ({time.monotonic() - began:.1f} s)", flush=True)
    try:
        find_wasm_opt(machine)
    except CaxtonError as error:
        print(f"wasm-opt: will not be tested here: {error}")


if __name__ == "__main__":
    main()
