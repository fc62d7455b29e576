"""Constant expressions: the initial values of globals and tables, walked over but not evaluated.

Follows the core specification 3.0, section "Constant Expressions". They are the longest part of a global section, so
the grammar is one pattern that runs in C; it is possessive, so that no byte is tried twice and time stays linear.
"""

import re
from typing import Final

from .binary_reader import MalformedBinary, Reader

_U32: Final = rb"(?:[\x80-\xff]{4}[\x00-\x0f]|[\x80-\xff]{0,3}[\x00-\x7f])"
_S32: Final = rb"(?:[\x80-\xff]{4}[\x00-\x07\x78-\x7f]|[\x80-\xff]{0,3}[\x00-\x7f])"
_S64: Final = rb"(?:[\x80-\xff]{9}[\x00\x7f]|[\x80-\xff]{0,8}[\x00-\x7f])"
# A known abstract heap type, or an index: a signed integer that is not negative.
_HEAP: Final = rb"(?:[\x69-\x74]|[\x80-\xff]{4}[\x00-\x0f]|[\x80-\xff]{0,3}[\x00-\x3f])"
_INSTRUCTIONS: Final = (
    rb"\x41" + _S32,  # i32.const
    rb"\x42" + _S64,  # i64.const
    rb"\x43[\x00-\xff]{4}",  # f32.const
    rb"\x44[\x00-\xff]{8}",  # f64.const
    rb"\xfd\x0c[\x00-\xff]{16}",  # v128.const
    rb"[\x23\xd2]" + _U32,  # global.get, ref.func
    rb"\xd0" + _HEAP,  # ref.null
    rb"[\x6a-\x6c\x7c-\x7e]",  # add, sub and mul of i32 and i64
    rb"\xfb[\x00\x01\x06\x07]" + _U32,  # struct.new, array.new, and their _default forms
    rb"\xfb\x08" + _U32 + _U32,  # array.new_fixed
    rb"\xfb[\x1a-\x1c]",  # any.convert_extern, extern.convert_any, ref.i31
)
_CONSTANT: Final = re.compile(rb"(?:" + rb"|".join(_INSTRUCTIONS) + rb")*+\x0b")


def skip_constant(reader: Reader) -> None:
    """Walk over one constant expression and its `end`; `MalformedBinary` if it holds any other instruction."""
    found = _CONSTANT.match(reader.data, reader.pos, reader.end)
    if found is None:
        raise MalformedBinary(reader.pos, "not a constant expression")
    reader.pos = found.end()
