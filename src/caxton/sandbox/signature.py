"""Types of functions as text, so that they can be compared, kept and shown (of other items: binary_types.py)."""


def function(parameters: str = "", results: str = "") -> str:
    """The signature of a function, from the names of its types, separated by blanks."""
    return f"func ({parameters}) -> ({results})"
