"""What runs in a part's own process: ``python -m caxton.bench.child PART EFFORT``; the last line is its result."""

from __future__ import annotations

import asyncio
import json
import sys

from caxton import CaxtonError
from caxton.bench.catalogue import find
from caxton.bench.effort import Effort


def main(arguments: list[str]) -> int:
    """Measures one part. 0, or 1 with a line that says why not."""
    part, effort = arguments
    try:
        result = asyncio.run(_measure(part, Effort(**json.loads(effort))))
    except CaxtonError as error:
        print(error.message, file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


async def _measure(part: str, effort: Effort) -> object:
    return (await find(part)(effort)).as_json()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
