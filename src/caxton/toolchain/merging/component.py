"""``merged``: a component whose core modules are one, as far as they are linked with each other.

componentize-py links CPython, a libc and the agent's own functions when the component is instantiated: modules whose
memory and table are another one's. For Wasmtime that means to write thousands of function references for each agent. In
one module they lie in a table that is laid out when it is compiled, and written when they are used.

What is left apart is what has to wait until there is a memory: the module that fills a table with the functions of the
host, which take their arguments from there.
"""

from __future__ import annotations

from collections.abc import Callable

from caxton.sandbox.binary_reader import MalformedBinary
from caxton.sandbox.encoding import name, section, unsigned, vector
from caxton.toolchain.merging.links import Links, Origin
from caxton.toolchain.merging.module import Merger
from caxton.toolchain.merging.parts import FUNC, MEMORY, Unmergeable
from caxton.toolchain.merging.wiring import (
    ALIAS,
    CANON,
    CORE_INSTANCE,
    MEMORY_OPTION,
    MODULE,
    PREAMBLE,
    Canon,
    Made,
    Raw,
    Wiring,
    read_wiring,
)


def merged(component: bytes, mend: Callable[[Wiring], None] | None = None) -> bytes:
    """The component with one core module in place of many; as it is where that cannot be done.

    ``mend`` may change how the modules are linked.
    """
    try:
        wiring = read_wiring(component)
        if mend is not None:
            mend(wiring)
        return _Writer(wiring).binary()
    except (MalformedBinary, Unmergeable, LookupError):  # the last: it names what is not there
        return component


class _Writer:
    """Writes a component anew: what is its own in the same order, and core items when something needs them first."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._links = links = Links(wiring)
        if len(links.inside) < 2:
            raise Unmergeable("there is nothing to be one")
        self._merger = Merger([links.parts(made) for made in links.inside], links.source, len(links.outside))
        self._position = 0
        self._sections: list[tuple[int, list[bytes] | bytes | None]] = []
        self._counts = {CORE_INSTANCE: 0, MODULE: 0}
        self._cores = [0, 0, 0, 0]
        self._written: dict[object, int] = {}
        self._one: int | None = None

    def binary(self) -> bytes:
        """The component."""
        for position, item in enumerate(self._wiring.items):
            self._position = position
            if isinstance(item, Raw) and item.is_section:
                self._sections.append((item.section, item.content))
            elif isinstance(item, Raw):
                self._add(item.section, item.content)
            elif isinstance(item, Canon) and item.lifts is not None:
                function = unsigned(self._core(FUNC, item.lifts))
                self._add(CANON, item.head + function + self._options(item) + item.tail)
            elif isinstance(item, Made) and item.number in self._links.late:
                self._apart(item)
        one = self._merger.binary()  # by now it is known what is wanted of it
        parts = [PREAMBLE]
        for number, content in self._sections:
            whole = vector(content) if isinstance(content, list) else content
            parts.append(section(number, one if whole is None else whole))
        return b"".join(parts)

    def _add(self, number: int, item: bytes) -> None:
        """Adds an item to the last section, or to a new one where that is of another kind."""
        last = self._sections[-1] if self._sections else None
        if last is not None and last[0] == number and isinstance(last[1], list):
            last[1].append(item)
        else:
            self._sections.append((number, [item]))

    def _module(self, content: bytes | None) -> int:
        self._sections.append((MODULE, content))
        return self._counted(MODULE)

    def _counted(self, number: int) -> int:
        self._counts[number] += 1
        return self._counts[number] - 1

    def _core(self, sort: int, number: int) -> int:
        """The new number of a core item, which is written now if it has not been."""
        return self._given(sort, self._links.origin(sort, self._wiring.spaces[sort][number]))

    def _given(self, sort: int, origin: Origin) -> int:
        key = origin if isinstance(origin, Canon) else (origin[0], sort, origin[1])
        if key not in self._written:
            if isinstance(origin, Canon):
                self._host(origin)
            else:
                export = self._merger.export(self._links.place(origin[0], sort, origin[1]))
                self._add(ALIAS, bytes([0, sort, 1]) + unsigned(self._instance()) + name(export))
            self._written[key] = self._cores[sort]
            self._cores[sort] += 1
        return self._written[key]

    def _host(self, canon: Canon) -> None:
        """A function of the host's, or of the component model's, as a core function."""
        if canon.position > self._position:
            raise Unmergeable("a function of the host's is needed before it is there")
        self._add(CANON, canon.head + self._options(canon) + canon.tail)

    def _options(self, canon: Canon) -> bytes:
        if canon.options is None:
            return b""
        options = [bytes([option]) + self._option(option, number) for option, number in canon.options.items()]
        return vector(options)

    def _option(self, option: int, number: int) -> bytes:
        if option < MEMORY_OPTION:
            return b""
        return unsigned(self._core(MEMORY if option == MEMORY_OPTION else FUNC, number))

    def _instance(self) -> int:
        """The instance of the one module; it is written when it is needed first."""
        if self._one is None:
            functions = [self._given(FUNC, canon) for canon in self._links.outside]
            given = [name(str(i)) + bytes([FUNC]) + unsigned(function) for i, function in enumerate(functions)]
            self._one = self._made(self._module(None), {"": given})
        return self._one

    def _apart(self, made: Made) -> None:
        """An instance that stays one, and its module."""
        given: dict[str, list[bytes]] = {}
        parts, counts = self._links.parts(made), [0, 0, 0, 0]
        for item in parts.imports:
            number = self._given(item.kind, self._links.imported(made, item.kind, counts[item.kind]))
            counts[item.kind] += 1
            given.setdefault(item.module, []).append(name(item.name) + bytes([item.kind]) + unsigned(number))
        self._made(self._module(parts.data), given)

    def _made(self, module: int, given: dict[str, list[bytes]]) -> int:
        arguments = []
        for key, exports in given.items():
            self._add(CORE_INSTANCE, b"\x01" + vector(exports))
            arguments.append(name(key) + b"\x12" + unsigned(self._counted(CORE_INSTANCE)))
        self._add(CORE_INSTANCE, b"\0" + unsigned(module) + vector(arguments))
        return self._counted(CORE_INSTANCE)
