"""A file of secrets that the host could not read is a mistake of the configuration, told without what stands in it."""

from __future__ import annotations

import pytest

from tests.config.files import Here

TEXT = "[host]\n\n[secrets]\nfile = 'secrets.toml'\n"
CANARY = "swordfish-0123456789"


def _told(here: Here) -> list[str]:
    return [line.replace(f"{here.folder}/", "") for line in here.told(TEXT)]


def test_one_that_will_do(here: Here) -> None:
    """Nothing is said of it."""
    here.secrets().write_text(f'A = "{CANARY}"\n')
    assert _told(here) == []


def test_one_that_is_not_there(here: Here) -> None:
    """With the line and the key of where it is named."""
    why = "the file of secrets secrets.toml: No such file or directory"
    assert _told(here) == [f"caxton.toml:4: secrets.file: {why}"]


@pytest.mark.parametrize(
    ("mode", "content", "why"),
    [
        (0o644, f'A = "{CANARY}"', "others can use the file of secrets secrets.toml: close it to them (chmod 600)"),
        (0o600, f'A = "{CANARY}"\nB = {CANARY}', "the file of secrets secrets.toml is not TOML (line 2)"),
        (0o600, f'[A]\nB = "{CANARY}"', "the file of secrets secrets.toml: A is not a text"),
    ],
)
def test_one_that_will_not_do(here: Here, mode: int, content: str, why: str) -> None:
    """Says why, and nothing of its content."""
    path = here.secrets()
    path.write_text(content)
    path.chmod(mode)
    assert _told(here) == [f"caxton.toml:4: secrets.file: {why}"]


def test_one_that_the_environment_names(here: Here) -> None:
    """The variable is what is wrong."""
    (problem,) = here.check(TEXT, {"CAXTON_SECRETS_FILE": str(here.folder / "none.toml")})
    assert (problem.file, problem.line, problem.key) == ("environment", None, "CAXTON_SECRETS_FILE")
    assert problem.message.endswith("none.toml: No such file or directory")
