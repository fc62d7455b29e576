"""``python -m caxton`` is the command ``caxton``."""

import sys

from caxton.cli import main

if __name__ == "__main__":
    sys.exit(main())
