"""Random TOML, written together with the line that each key stands on."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

Where = tuple[str | int, ...]
NAMES = st.one_of(
    st.text("abcdefgh_-019", min_size=1, max_size=4),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=4),
)
_SCALARS = st.sampled_from(
    [
        "1",
        "-0x1F",
        "1_000.5e3",
        "true",
        "inf",
        "1979-05-27",
        "1979-05-27 07:32:00.5",
        "07:32:00",
        "1979-05-27T07:32:00Z",
    ]
)
_INSIDE = st.text("ab\"'#=[]{},.$\\\n \té", max_size=12)


class Writer:
    """Writes TOML, and remembers on which line each key and each array's item begins."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.text = ""
        self.lines: dict[Where, int] = {}
        self.arrays: dict[Where, int] = {}

    def _draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self._data.draw(strategy)

    def _chance(self, of: int = 3) -> bool:
        return bool(self._draw(st.integers(0, of)) == 0)

    def _mark(self, where: Where) -> None:
        self.lines.setdefault(where, self.text.count("\n") + 1)

    def _blank(self) -> None:
        self.text += self._draw(st.sampled_from(["", "", " ", "\t "]))

    def _space(self) -> None:
        """What may stand between the items of an array."""
        self.text += self._draw(st.sampled_from(["", "", " ", "\n", "\n  # a ] comment \" '''\n", "\r\n\n"]))

    def _end(self) -> None:
        self._blank()
        self.text += self._draw(st.sampled_from(["", "", '# = [ { \' """ x']))
        self.text += self._draw(st.sampled_from(["\n", "\n", "\r\n", "\n\n# [a.b]\n \n"]))

    def _key(self, name: str) -> None:
        bare = name != "" and name.isascii() and all(c.isalnum() or c in "_-" for c in name)
        if bare and not self._chance(4):
            self.text += name
        elif "'" not in name and self._chance(1):
            self.text += f"'{name}'"
        else:
            text = json.dumps(name, ensure_ascii=self._chance(1)).replace("\x7f", "\\u007f")
            # JSON writes what lies beyond the first plane as two surrogates, which TOML does not know.
            self.text += text if "\\ud" not in text else json.dumps(name, ensure_ascii=False)

    def _dotted(self, table: Where, names: list[str]) -> Where:
        where = table
        for number, name in enumerate(names):
            if number:
                self._blank()
                self.text += "."
                self._blank()
            where = (*where, name)
            self._mark(where)
            self._key(name)
        return where

    def header(self, names: list[str], array: bool) -> Where:
        """A header: of a table, or of the next one of an array of tables."""
        self._blank()
        self.text += "[[" if array else "["
        where: Where = ()
        for number, name in enumerate(names):
            self.text += "." if number else ""
            where = (*where, name)
            if number == len(names) - 1 and not array:
                self.lines.pop(where, None)  # a header of its own says where a table stands
            self._mark(where)
            self._blank()
            self._key(name)
            self._blank()
            if number < len(names) - 1 and where in self.arrays:
                where = (*where, self.arrays[where])
        self.text += "]]" if array else "]"
        if array:
            self.arrays[where] = self.arrays.get(where, -1) + 1
            where = (*where, self.arrays[where])
            self._mark(where)
        self._end()
        return where

    def pair(self, table: Where, names: list[str]) -> None:
        """A key and its value, on lines of their own."""
        self._blank()
        self._inner(table, names, 0)
        self._end()

    def _inner(self, table: Where, names: list[str], depth: int) -> None:
        where = self._dotted(table, names)
        self._blank()
        self.text += "="
        self._blank()
        self._value(where, depth)

    def _value(self, where: Where, depth: int) -> None:
        kind = self._draw(st.integers(0, 5 if depth < 4 else 3))
        if kind == 0:
            self.text += self._draw(_SCALARS)
        elif kind == 1:
            self.text += json.dumps(self._draw(_INSIDE), ensure_ascii=False)
        elif kind == 2:
            body = self._draw(_INSIDE).replace("\\", "\\\\").replace('"""', '""\\"')
            body = body[:-1] + '\\"' if body.endswith('"""') else body
            self.text += f'"""{body}"""' if not body.endswith('"') or self._ends_well(body) else '"""x"""'
        elif kind == 3:
            body = self._draw(_INSIDE).replace("'''", "''")
            self.text += f"'''{body}'''" if not body.endswith("'") else f"'''{body}x'''"
        elif kind == 4:
            self._array(where, depth)
        else:
            self._inline(where, depth)

    @staticmethod
    def _ends_well(body: str) -> bool:
        return len(body) - len(body.rstrip('"')) <= 2

    def _array(self, where: Where, depth: int) -> None:
        self.text += "["
        for number in range(self._draw(st.integers(0, 3))):
            if number:
                self.text += ","
            self._space()
            self._mark((*where, number))
            self._value((*where, number), depth + 1)
            self._space()
        self.text += "]"

    def _inline(self, where: Where, depth: int) -> None:
        self.text += "{"
        for number, names in enumerate(self._draw(st.lists(st.lists(NAMES, min_size=1, max_size=2), max_size=3))):
            self.text += ", " if number else " "
            self._inner(where, names, depth + 1)
        self.text += "}"


def document(data: st.DataObject) -> Writer:
    """A document of some statements. A name may come where it may not: not all of them are TOML."""
    writer = Writer(data)
    seen: list[list[str]] = []
    table: Where = ()
    for _ in range(data.draw(st.integers(0, 6))):
        kind = data.draw(st.integers(0, 3))
        names = data.draw(st.lists(NAMES, min_size=1, max_size=3))
        if kind < 2 and seen and data.draw(st.booleans()):
            names = [*data.draw(st.sampled_from(seen)), *names[1:]]  # the same array's next table, or one inside of it
        if kind < 2:
            table = writer.header(names, kind == 1)
            seen += [names] if kind == 1 else []
        else:
            writer.pair(table, names)
    return writer
