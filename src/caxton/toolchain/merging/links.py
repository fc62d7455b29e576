"""Where the core items of a component come from, and which of its instances can be one.

Those cannot that need a function of the host's which takes arguments from a memory: the memory has to be there first.
Linkers give such functions to a module of their own, which writes them into a table when everything else is there.
"""

from __future__ import annotations

from typing import Final

from caxton.toolchain.merging.module import Outside, Place
from caxton.toolchain.merging.parts import FUNC, Parts, Unmergeable, read_parts
from caxton.toolchain.merging.wiring import MEMORY_OPTION, Alias, Bundle, Canon, Made, Wiring

Origin = tuple[Made, int] | Canon
"""The instance that has an item itself, with its number among what that one has; or a function of the host's."""

_MOST_STEPS: Final = 1_000


class Links:
    """How the instances of a component are linked.

    Attributes:
        inside: the instances that can be one, in order.
        late: the numbers of the others.
        outside: the functions of the host's that those inside need.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._parts = [read_parts(module) for module in wiring.modules]
        self.late = self._waiting()
        self.inside = [item for item in wiring.instances if isinstance(item, Made) and item.number not in self.late]
        needed = [
            self.imported(made, FUNC, number)
            for made in self.inside
            for number in range(len(self.parts(made).imported[FUNC]))
        ]
        self.outside = list(dict.fromkeys(origin for origin in needed if isinstance(origin, Canon)))
        self._outside = {canon: number for number, canon in enumerate(self.outside)}
        self._inside = {item.number: number for number, item in enumerate(self.inside)}

    def parts(self, made: Made) -> Parts:
        """The module of an instance."""
        return self._parts[made.module]

    def origin(self, sort: int, item: Alias | Canon) -> Origin:
        """Where a core item comes from."""
        for _ in range(_MOST_STEPS):
            if isinstance(item, Canon):
                return item
            found = self._wiring.instances[item.instance]
            if isinstance(found, Bundle):
                kind, number = found.exports[item.name]
                item = self._wiring.spaces[kind][number]
            else:
                kind, number = self.parts(found).exports[item.name]
                imported = self.parts(found).imported[kind]
                if number >= len(imported):
                    return found, number - len(imported)
                item = Alias(kind, found.arguments[imported[number].module], imported[number].name)
            if kind != sort:
                break
        raise Unmergeable("an export is not what it should be")

    def imported(self, made: Made, sort: int, number: int) -> Origin:
        """Where the import ``number`` of that sort comes from."""
        wanted = self.parts(made).imported[sort][number]
        return self.origin(sort, Alias(sort, made.arguments[wanted.module], wanted.name))

    def place(self, made: Made, sort: int, number: int) -> Place:
        """Something of one of the instances inside.

        Raises:
            Unmergeable: it is not inside.
        """
        if made.number not in self._inside:
            raise Unmergeable("what comes late is needed before")
        return Place(self._inside[made.number], sort, number)

    def source(self, module: int, sort: int, number: int) -> Place | Outside:
        """As ``Merger`` asks; ``module`` is a number among those inside."""
        made = self.inside[module]
        count = len(self.parts(made).imported[sort])
        if number >= count:
            return Place(module, sort, number - count)
        origin = self.imported(made, sort, number)
        if isinstance(origin, Canon):
            return Outside(self._outside[origin])
        return self.place(origin[0], sort, origin[1])

    def _waiting(self) -> set[int]:
        """The instances that need a function which needs a memory, or an instance that does."""
        found: set[int] = set()
        for made in self._wiring.instances:
            if isinstance(made, Made):
                sorts = enumerate(self.parts(made).imported)
                needs = [self.imported(made, sort, number) for sort, of in sorts for number in range(len(of))]
                if any(self._waits(origin, found) for origin in needs):
                    found.add(made.number)
        return found

    @staticmethod
    def _waits(origin: Origin, late: set[int]) -> bool:
        if isinstance(origin, Canon):
            return MEMORY_OPTION in (origin.options or {})
        return origin[0].number in late
