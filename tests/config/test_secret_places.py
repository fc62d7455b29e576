"""``${secret:NAME}`` stands only where the host puts a secret in; what stands there is never repeated in an error."""

from __future__ import annotations

import pytest

from caxton.tools.secrets import Secrets
from tests.config.files import Here

AGENT = "[agents.a]\nmodule = 'x'\n"
STDIO = "[tools.t]\ncommand = ['x']\n"
HTTP = "[tools.t]\nurl = 'http://x/'\n"
RULE = f"{AGENT}[agents.a.rules.'*']\n"
REFUSED = "a secret may not stand here: only in env, headers, url, arguments and tools.llm.key"

PLACES = {
    "tools.t.env.A": f"{STDIO}env.A = 'x ${{secret:N}} y'",
    "tools.t.headers.A": f"{HTTP}headers.A = 'Bearer ${{secret:N}}'",
    "tools.t.url": "[tools.t]\nurl = 'https://${secret:A}:${secret:B}@x/${secret:C}?q=${secret:D}'",
    "tools.t.arguments": f"{STDIO}arguments.read = {{ deep = [{{ x = '${{secret:N}}' }}] }}",
    "tools.llm.key": "[tools.llm]\nbase_url = 'http://x/'\nmodel = 'x'\nkey = '${secret:N}'",
}

OTHER_PLACES = {
    "tools.t.command[1]": "[tools.t]\ncommand = ['x', '--token=${secret:N}']",
    "tools.t.cwd": f"{STDIO}cwd = '${{secret:N}}'",
    "tools.t.start": f"{STDIO}start = '${{secret:N}}'",
    "tools.t.timeout": f"{STDIO}timeout = '${{secret:N}}'",
    "agents.a.module": "[agents.a]\nmodule = '${secret:N}'",
    "agents.a.params.x[0].y": f"{AGENT}params.x = [{{ y = 'a${{secret:N}}b' }}]",
    'agents.a.params."${secret:N}"': f"{AGENT}params.'${{secret:N}}' = 1",
    "agents.a.description": f"{AGENT}description = '${{secret:N}}'",
    "agents.a.tools[0]": f"{AGENT}tools = ['${{secret:N}}']",
    "agents.a.input.title": f"{AGENT}input = {{ type = 'object', title = '${{secret:N}}' }}",
    "agents.a.limits.memory": f"{AGENT}limits.memory = '${{secret:N}}'",
    'agents.a.rules."*".arguments.const': f"{RULE}arguments.const = '${{secret:N}}'",
    'agents.a.rules."*".namespace': f"{RULE}namespace = '${{secret:N}}'",
    'agents.a.rules."${secret:N}"': f"{AGENT}rules.'${{secret:N}}'.calls = 1",
    "host.data": "[host]\ndata = '${secret:N}'",
    "secrets.file": "[secrets]\nfile = '${secret:N}'",
    "tools.llm.model": "[tools.llm]\nbase_url = 'http://x/'\nmodel = '${secret:N}'",
    "tools.llm.base_url": "[tools.llm]\nbase_url = 'http://x/${secret:N}'\nmodel = 'm'",
    "tools.fs.root": "[tools.fs]\nroot = '${secret:N}'",
}


@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES)
def test_where_they_stand(here: Here, text: str) -> None:
    """They stay what they are called until they are put in."""
    assert "${secret:" in repr(here.load(text).tools)


@pytest.mark.parametrize(("key", "text"), OTHER_PLACES.items(), ids=list(OTHER_PLACES))
def test_where_they_do_not_stand(here: Here, key: str, text: str) -> None:
    """The mistake says where they do."""
    assert [(one.key, one.message) for one in here.check(text)] == [(key, REFUSED)]


@pytest.mark.parametrize(
    "text",
    ["${secret:}", "${secret:a b}", "${secret:N", "${secret}", "${secret:N}${secret:", "${secret:é}", "${secret N}"],
)
def test_what_is_no_reference(here: Here, text: str) -> None:
    """Something that begins like one and is none would otherwise go to a server as it stands."""
    (problem,) = here.check(f"{STDIO}env.A = '{text}'")
    assert (problem.line, problem.key) == (3, "tools.t.env.A")
    assert problem.message.endswith(": write ${secret:NAME}")


@pytest.mark.parametrize("name", ["A", "a1_", "_x", "TOKEN_" + "X" * 50])
def test_what_is_taken_can_be_put_in(here: Here, name: str) -> None:
    """The names that are taken here are those that secrets may have."""
    (server,) = here.load(f"{STDIO}env.A = '${{secret:{name}}}'").tools.servers
    assert Secrets({name: "swordfish"}).put_in(server.env) == {"A": "swordfish"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        f"{STDIO}env.A = ['swordfish']",
        f"{STDIO}env = 'swordfish'",
        f"{STDIO}env.A = 'swordfish\\u0000'".replace("'", '"'),
        f'{HTTP}headers.A = "swordfish\\n"',
        f"{HTTP}headers = 'swordfish'",
        f"{STDIO}arguments = 'swordfish'",
        f"{STDIO}arguments.x = 'swordfish'",
        "[tools.t]\nurl = 'ftp://user:swordfish@x/'",
        "[tools.t]\nurl = 'http://user:swordfish@/'",
        "[tools.t]\nurl = 'swordfish'",
        "[tools.llm]\nbase_url = 'http://x/'\nmodel = 'm'\nkey = ['swordfish']",
        '[tools.llm]\nbase_url = "http://x/"\nmodel = "m"\nkey = "swordfish\\u0000"',
    ],
)
def test_what_stands_in_a_secrets_place_is_not_repeated(here: Here, text: str) -> None:
    """A key that somebody wrote there himself stays out of logs as well."""
    told = here.told(text)
    assert len(told) == 1
    assert "swordfish" not in told[0]
