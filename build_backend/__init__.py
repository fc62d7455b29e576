"""The in-tree build backend: setuptools, plus the C shim."""
