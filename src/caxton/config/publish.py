"""Writes what is made from the table: ``python -m caxton.config.publish``, in the project's directory.

These are the tables of docs/configuration.md, and the JSON Schema in docs/ and in the package.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from caxton.config.pages import replaced
from caxton.config.schema import schema_text

PAGE: Final = "docs/configuration.md"
SCHEMAS: Final = ("docs/caxton.schema.json", "src/caxton/config/caxton.schema.json")


def main(root: Path) -> None:
    """Writes the files of a checkout.

    Raises:
        OSError: one cannot be read or written.
        ValueError: the page has lost the marks that its tables stand between.
    """
    page = root / PAGE
    page.write_text(replaced(page.read_text(encoding="utf-8")), encoding="utf-8")
    for name in SCHEMAS:
        (root / name).write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
