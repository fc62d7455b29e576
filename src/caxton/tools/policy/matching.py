"""Whether a pattern is found in a text, in time linear in the text: by Rust's ``regex``, which is in pydantic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caxton.tools.policy.patterns import translate

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled pattern.

    Attributes:
        size: see ``Translated.size``.
    """

    size: int
    _engine: SchemaValidator

    def found_in(self, text: str) -> bool:
        """Whether it matches anywhere in the text.

        Raises:
            UnicodeEncodeError: the text has a lone surrogate. The engine would find nothing in it, and a pattern that
                is not found lets through what it was to keep out.
        """
        if not text.isascii():
            text.encode()
        return self._engine.isinstance_python(text)


def compiled(pattern: str) -> Pattern:
    """The pattern, which is one of ECMA-262.

    Raises:
        ValueError: see ``translate``; or the engine finds it too large.
    """
    from pydantic_core import SchemaError, SchemaValidator, core_schema  # late: most hosts have no pattern

    found = translate(pattern)
    try:
        engine = SchemaValidator(core_schema.str_schema(pattern=found.text, regex_engine="rust-regex"))
    except SchemaError as error:
        raise ValueError(_why(str(error))) from None
    return Pattern(found.size, engine)


def _why(said: str) -> str:
    return "it is too large" if "size limit" in said else said.strip().rpartition("\n")[2]
