"""What a core dump of a component needs to know of it. Runs in the compiler's child process.

What is compiled has modules of ours besides the component's own (component_flat.py, component_direct.py). A dump tells
of the component's own, by their numbers in its file.
"""

from __future__ import annotations

from caxton.sandbox.binary import read_binary
from caxton.sandbox.binary_types import FuncType
from caxton.sandbox.component_binary import Outline
from caxton.sandbox.dump_facts import DumpFacts, InnerModule
from caxton.sandbox.dumpable import count_locals


def dump_facts(data: bytes, outline: Outline, compiled: Outline) -> DumpFacts:
    """``outline``: of the component as it was given; ``compiled``: of what was compiled, with the same modules in the
    same order, and others."""
    modules, at = [], 0
    for module in outline.modules:
        place = next((i for i in range(at, len(compiled.modules)) if compiled.modules[i].digest == module.digest), None)
        found = None if place is None else compiled.modules[place]
        at = at if place is None else place + 1
        code = data[module.start : module.end]
        imported = sum(isinstance(item.what, FuncType) for item in read_binary(code, sha256="").imports)
        start, end = (None, None) if found is None else (found.start, found.end)
        modules.append(InnerModule(start, end, imported, count_locals(code)))
    numbers = {module.start: number for number, module in enumerate(outline.modules)}
    instances = tuple(numbers[instance.module.start] for instance in outline.instances)
    return DumpFacts("", (), (), 0, tuple(modules), instances, tuple(number - 1 for number, *_ in outline.places))
