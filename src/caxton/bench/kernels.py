"""Guest code against native code: seven C kernels, one source, both with -O2."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from math import exp, log
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Final

import wasmtime

from caxton import Limits
from caxton.bench import sources
from caxton.bench.contestants import PlainModule
from caxton.bench.effort import Effort
from caxton.bench.figures import Result, Turn, contest, ratios
from caxton.bench.job import BenchError
from caxton.bench.turn import response, started

KERNELS: Final = {
    "sieve": 25, "matrix": 60, "sha256": 25, "crc32": 25, "sort": 6, "bodies": 60, "mandelbrot": 12,
}  # fmt: skip
"""In the order of kernels.c: how often each is done, so that native code takes some fifteen milliseconds."""

Kernel = Callable[[int, int], int]


async def measure(effort: Effort) -> Result:
    """Each kernel natively, as an agent's guest (metered, preemptible), and in the plain binding without a meter."""
    if not sources.has_ziglang():
        return Result(notes=[sources.NO_ZIGLANG])
    with sources.workplace() as where:
        module = sources.guest("kernels", where)
        path, compiler = sources.library("kernels", where)
        runners = {"native": _native(path), "guest": _guest(module), "plain": _plain(module)}
    turns: dict[str, Turn] = {}
    for number, (kernel, times) in enumerate(KERNELS.items()):
        work = max(1, round(times * effort.work))
        _compare(kernel, [run(number, 1) for run in runners.values()])
        turns |= {f"{kernel}-{name}": _timed(run, number, work) for name, run in runners.items()}
    found = await contest(turns, effort.rounds)
    result = Result(notes=[f"native code was compiled by {compiler}, guests by ziglang"])
    for kernel in KERNELS:
        slower = ratios(found[f"{kernel}-guest"], found[f"{kernel}-native"])
        result.add(f"kernel-{kernel}", f"{kernel}: guest / native", "times", slower)
    _means(result, found)
    return result


def _means(result: Result, found: dict[str, list[float]]) -> None:
    for name, title, subject in (
        ("guest", "geometric mean: Caxton's guest, fuel metered / native", "ratio"),
        ("plain", "geometric mean: plain wasmtime binding, no meter / native", "other"),
    ):
        each = [ratios(found[f"{kernel}-{name}"], found[f"{kernel}-native"]) for kernel in KERNELS]
        result.add(
            f"kernels-{name}", title, "times", [geometric_mean(values) for values in zip(*each, strict=True)], subject
        )


def geometric_mean(values: Sequence[float]) -> float:
    """The mean that a ratio and its inverse agree on."""
    return exp(fmean(log(value) for value in values))


def _compare(kernel: str, sums: list[int]) -> None:
    if len(set(sums)) != 1:
        raise BenchError(f"the kernel {kernel} computes {[f'{value:#x}' for value in sums]}: not the same everywhere")


def _timed(run: Kernel, number: int, times: int) -> Turn:
    def turn() -> float:
        samples = []
        for _ in range(3):
            began = perf_counter()
            run(number, times)
            samples.append((perf_counter() - began) * 1000)
        return median(samples)

    return turn


def _native(path: Path) -> Kernel:
    function = ctypes.CDLL(str(path)).run_kernel
    function.restype, function.argtypes = ctypes.c_uint32, [ctypes.c_uint32, ctypes.c_uint32]
    return lambda kernel, times: int(function(kernel, times))


def _guest(module: bytes) -> Kernel:
    guest = started(module, Limits(fuel=1 << 62))

    def run(kernel: int, times: int) -> int:
        return int.from_bytes(response(guest, struct.pack("<II", kernel, times)), "little")

    return run


def _plain(module: bytes) -> Kernel:
    plain = PlainModule(module, fuel=False)
    store = wasmtime.Store(plain.engine)
    function = plain.linker.instantiate(store, plain.module).exports(store)["run_kernel"]
    assert isinstance(function, wasmtime.Func)
    return lambda kernel, times: int(function(store, kernel, times)) & 0xFFFFFFFF
