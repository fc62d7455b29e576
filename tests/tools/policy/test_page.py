"""The page about grants has every key of a rule, the figures of the code, and a configuration that is one."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

from caxton.agents.rules import Rule
from caxton.config import load
from caxton.errors import CODES
from caxton.tools import audit, audit_file, secrets
from caxton.tools.policy import approval, keywords, patterns, preview, quiet, schema
from tests.docs.pages import DOCS, plain, read

PAGE = read(DOCS / "grants.md")
BOUNDS = [
    schema.MAX_VALUES,
    schema.MAX_VALUES_UNEVALUATED,
    schema.MAX_STEPS,
    quiet.MAX_NAME,
    schema.MAX_MATCHING,
    patterns.MAX_LENGTH,
    patterns.MAX_SIZE,
    patterns.MAX_NESTED,
    keywords.MAX_PATTERNS,
    keywords.MAX_PATTERNS_SIZE,
    preview.PREVIEW_LIMIT,
    approval.PER_AGENT,
    approval.IN_SUM,
    secrets.SHORTEST,
    secrets.FILE_LIMIT,
    audit.MOST,
    audit.WAITING,
    audit_file.MOST_ROWS,
]


def test_every_key_of_a_rule_is_there() -> None:
    """In the order of the class, and no other."""
    assert [field.name for field in fields(Rule)] == [plain(row[0]) for row in PAGE.rows("Rules")]


def test_bounds() -> None:
    """The table has the constants of the code, in order."""
    assert BOUNDS == [int(plain(row[1]).replace(",", "")) for row in PAGE.rows("Bounds")]


def test_codes_are_the_contract_s() -> None:
    """Each code in the table of steps is one."""
    known = {f"{group}.{name}" for group, names in CODES.items() for name in names} | {"tool.*"}
    named = {code for row in PAGE.rows("What happens to a call") for code in plain(row[1]).split(", ")}
    assert named <= known
    assert len(named) >= 7


def test_figures_in_the_text() -> None:
    """Those that are not in the table of bounds."""
    text = " ".join(line for _, line in PAGE.prose)
    assert f"at most {audit.GROUP_SECONDS * 1000:g} ms after the first entry" in text
    assert f"in the last {audit.GROUP_SECONDS * 1000:g} ms and during one transaction" in text
    assert f"At most {approval.PER_AGENT} calls of an agent and {approval.IN_SUM} in sum wait" in text
    assert f"While {audit.WAITING:,} entries wait" in text
    assert f"The newest {audit.MOST:,} are kept" in text


def test_the_configuration_is_one(tmp_path: Path) -> None:
    """It loads, and grants what the page says."""
    found = {block.options["file"]: block.text for block in PAGE.blocks if "file" in block.options}
    for name, text in found.items():
        path = tmp_path / name
        path.write_text(text)
        os.chmod(path, 0o600)
    (agent,) = load(tmp_path / "caxton.toml").agents
    assert (True, False) == (agent.grants.may_call("fs.read"), agent.grants.may_call("fs.write"))
    assert ["http.*", "http.fetch"] == [glob for glob, _ in agent.grants.rules_for("http.fetch")]
    assert {"SEARCH_TOKEN": "sk-3f9a1c77e0"} == secrets.read_file(tmp_path / "secrets.toml")
