"""An image is bounded and checked when it is read back, and what was made up ends in an error, never in a crash."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caxton.sandbox import engine
from caxton.sandbox.compiler import compile_here, to_binary
from caxton.sandbox.freeze.image import BLOCK, MAX_MEMORY_BYTES, NULL, PAGE, Image, ImageError, Value, runs_of
from caxton.sandbox.freeze.layout import read_layout
from caxton.sandbox.freeze.thaw import thaw
from tests.sandbox.guests import BUMP, agent

FUNCTIONS = st.integers(NULL, 1 << 20)
NUMBERS = {"i32": 4, "i64": 8, "f32": 4, "f64": 8, "v128": 16}


@st.composite
def images(draw: st.DrawFn) -> Image:
    """Images of every shape."""
    pages = draw(st.integers(0, 20))
    blocks = sorted(draw(st.sets(st.integers(0, max(0, pages * PAGE // BLOCK - 1)), max_size=6))) if pages else []
    runs = tuple((at * BLOCK, draw(st.binary(min_size=1, max_size=40))) for at in blocks)
    values = []
    for index in sorted(draw(st.sets(st.integers(0, 1000), max_size=6))):
        kind = draw(st.sampled_from([*NUMBERS, "reference"]))
        if kind == "reference":
            values.append(Value(index, kind, function=draw(FUNCTIONS)))
        else:
            values.append(Value(index, kind, draw(st.binary(min_size=NUMBERS[kind], max_size=NUMBERS[kind]))))
    dropped = st.sets(st.integers(0, 1000), max_size=5).map(lambda found: tuple(sorted(found)))
    tables = draw(st.lists(st.lists(FUNCTIONS, max_size=10).map(tuple), max_size=4).map(tuple))
    module = draw(st.binary(min_size=32, max_size=32))
    return Image(module, pages, runs, tuple(values), tables, draw(dropped), draw(dropped))


@given(images())
def test_what_is_written_is_read(image: Image) -> None:
    """Bytes and image say the same, both ways."""
    data = image.to_bytes()
    assert Image.from_bytes(data) == image
    assert Image.from_bytes(data).to_bytes() == data


@given(images(), st.data())
def test_what_breaks_off_is_refused(image: Image, data: st.DataObject) -> None:
    """Wherever it ends, and with anything behind it."""
    whole = image.to_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (whole[:cut], whole + b"\0"):
        with pytest.raises(ImageError):
            Image.from_bytes(wrong)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Noise behind the right beginning is an image or an error."""
    with contextlib.suppress(ImageError):
        Image.from_bytes(b"caxton image 1\n" + data)


def test_a_count_allocates_nothing() -> None:
    """What announces a million items has to bring them."""
    head = Image(bytes(32), 1, (), (), ()).to_bytes()
    for at in range(len(head) - 20, len(head), 4):
        for count in (100_000, 0xFFFFFFFF):
            with pytest.raises(ImageError):
                Image.from_bytes(head[:at] + count.to_bytes(4, "little") + head[at + 4 :])


def test_memory_beyond_the_bound() -> None:
    """More than 64 MiB that are not zero are refused before they are read."""
    big = Image(bytes(32), 2000, ((0, b"x" * 8),), (), ()).to_bytes()
    longer = big.replace((8).to_bytes(4, "little") + b"x" * 8, (MAX_MEMORY_BYTES + 1).to_bytes(4, "little"))
    with pytest.raises(ImageError):
        Image.from_bytes(longer)


@given(st.binary(max_size=3 * BLOCK), st.integers(0, 3), st.integers(0, 3))
def test_zeros_are_left_out(middle: bytes, before: int, behind: int) -> None:
    """In blocks; what is kept is in order, and the rest is zero."""
    memory = bytes(before * BLOCK) + middle + bytes(behind * BLOCK)
    back = bytearray(len(memory))
    for at, content in runs_of(memory):
        assert any(content)
        back[at : at + len(content)] = content
    assert back == memory
    assert sum(len(content) for _, content in runs_of(memory)) <= len(middle) + BLOCK


# ---- images that do not fit ------------------------------------------------------------------------------------------

BINARY = to_binary(
    agent(
        items=BUMP
        + "(table 3 6 funcref) (elem (i32.const 0) $alloc $free)"
        + '(data (i32.const 8) "a") (data $later "later")'
        + "(global $f (mut f64) (f64.const 1)) (global $r (mut funcref) (ref.null func))"
        + "(func $use (memory.init $later (i32.const 0) (i32.const 0) (i32.const 1)))",
        memory="1 4",
    ).encode()
)
LAYOUT = read_layout(BINARY)


def fitting() -> Image:
    """An image of the module above."""
    kinds = [(i, item.type) for i, item in enumerate(LAYOUT.globals) if item.mutable]
    values = [Value(i, k, bytes(NUMBERS[k])) if k in NUMBERS else Value(i, "reference") for i, k in kinds]
    return Image(hashlib.sha256(BINARY).digest(), 1, ((0, b"x"),), tuple(values), ((0, 1, NULL),))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_images_never_crash(data: st.DataObject) -> None:
    """One with bytes changed is refused when it is read, or when it is thawed, or by the engine, or is a module."""
    image = bytearray(fitting().to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        image[data.draw(st.integers(47, len(image) - 1))] = data.draw(st.integers(0, 255))
    try:
        thawed = thaw(LAYOUT, Image.from_bytes(bytes(image)))
    except ImageError:
        return
    if engine.accepts(thawed.binary, frozenset()) is None:
        compile_here(thawed.binary, engine.default_settings())


@given(images())
def test_an_image_of_another_module(image: Image) -> None:
    """Its hash says that it is."""
    with pytest.raises(ImageError):
        thaw(LAYOUT, image)
