"""A call that needs consent waits for a person, shows what it is without harm, and runs only if the person agrees."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.errors import HostError, LimitError, ToolError
from caxton.text import safe
from caxton.tools.policy.approval import IN_SUM, PER_AGENT, Approvals, Request
from caxton.tools.policy.digest import canonical, digest
from caxton.tools.policy.preview import PREVIEW_LIMIT, TooMuchError, preview
from tests.conftest import Run

ARGUMENTS = {"path": "report.txt", "text": "hello"}


async def _waiting(approvals: Approvals, agent: str = "a", tool: str = "fs.write", **more: Any) -> asyncio.Task[None]:
    approval = approvals.ask(agent, tool, more or ARGUMENTS)

    async def wait() -> None:
        await approval

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    return task


def test_an_approved_call_goes_on(run: Run) -> None:
    """And is told to whoever asks a person, with everything that the person needs."""

    async def main() -> None:
        told: list[Request] = []
        approvals = Approvals(told.append, now=lambda: 1_700_000_000.5)
        task = await _waiting(approvals)
        assert told == approvals.pending()
        (request,) = told
        assert ("a", "fs.write", False, 1_700_000_000_500) == (request.agent, request.tool, request.cut, request.asked)
        assert '{"path": "report.txt", "text": "hello"}' == request.arguments
        assert digest(ARGUMENTS) == request.sha256
        assert not task.done()
        assert request == approvals.approve(request.id, request.sha256)
        await task
        assert [] == approvals.pending()

    run(main())


def test_a_refused_call_is_denied(run: Run) -> None:
    """With the person's reason, made safe."""

    async def main() -> None:
        approvals = Approvals()
        for reason, said in (("", "a person has refused the call"), ("not\x1b[2Jtoday", r"not\x1b[2Jtoday")):
            task = await _waiting(approvals)
            approvals.refuse(approvals.pending()[0].id, reason)
            with pytest.raises(ToolError) as caught:
                await task
            assert ("grant.denied", f"fs.write: {said}") == (caught.value.code, caught.value.message)

    run(main())


def test_other_arguments_are_not_approved(run: Run) -> None:
    """Whoever has seen one call cannot let another one go by mistake."""

    async def main() -> None:
        approvals = Approvals()
        task = await _waiting(approvals)
        (request,) = approvals.pending()
        with pytest.raises(HostError, match="has other arguments") as caught:
            approvals.approve(request.id, digest({"path": "report.txt", "text": "hell"}))
        assert "config.invalid" == caught.value.code
        assert [request] == approvals.pending()
        approvals.approve(request.id)
        await task

    run(main())


def test_a_call_that_does_not_wait_cannot_be_answered(run: Run) -> None:
    """Not a second time, not one that never was; numbers are not used again."""

    async def main() -> None:
        approvals = Approvals()
        task = await _waiting(approvals)
        (request,) = approvals.pending()
        approvals.approve(request.id)
        await task
        for number in (request.id, "", "99", "\x1b"):
            with pytest.raises(HostError, match="waits for consent"):
                approvals.approve(number)
            with pytest.raises(HostError, match="waits for consent"):
                approvals.refuse(number)
        again = await _waiting(approvals)
        assert request.id != approvals.pending()[0].id
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)

    run(main())


def test_who_gives_up_is_not_asked_for(run: Run) -> None:
    """Cancelled while waiting, before waiting, and in the moment of the answer."""

    async def main() -> None:
        approvals = Approvals()
        task = await _waiting(approvals)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        approvals.ask("a", "t", {}).cancel()
        assert [] == approvals.pending()
        task = await _waiting(approvals)
        number = approvals.pending()[0].id
        task.cancel()
        approvals.refuse(number)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [] == approvals.pending()

    run(main())


def test_an_answer_that_nobody_awaits_is_no_noise(run: Run) -> None:
    """asyncio complains of exceptions that nobody has looked at; the runner of these tests would see it."""

    async def main() -> None:
        approvals = Approvals()
        approval = approvals.ask("a", "t", {})
        approvals.refuse(approval.request.id)
        del approval
        gc.collect()

    run(main())


def test_the_number_that_may_wait_is_bounded(run: Run) -> None:
    """For each agent and in sum; who has been answered makes room."""

    async def main() -> None:
        approvals = Approvals(per_agent=2, in_sum=3)
        for agent in ("a", "a", "b"):
            approvals.ask(agent, "t", {})
        for agent, said in (("a", "2 calls of a wait"), ("b", "3 calls wait"), ("c", "3 calls wait")):
            with pytest.raises(LimitError, match=said) as caught:
                approvals.ask(agent, "t", {})
            assert "limit.pending" == caught.value.code
        approvals.refuse(approvals.pending()[0].id)
        approvals.ask("a", "t", {})
        assert (PER_AGENT, IN_SUM) == (16, 256)
        approvals.close()

    run(main())


def test_an_agent_s_end_and_the_host_s_refuse(run: Run) -> None:
    """Nothing waits for an agent that is gone; another's calls wait on."""

    async def main() -> None:
        approvals = Approvals()
        mine, other = await _waiting(approvals, "a"), await _waiting(approvals, "b")
        approvals.forget("a")
        with pytest.raises(ToolError, match="the agent has ended"):
            await mine
        assert ["b"] == [request.agent for request in approvals.pending()]
        approvals.close()
        with pytest.raises(ToolError, match="the host is stopping"):
            await other
        assert [] == approvals.pending()
        assert {} == approvals._by_agent

    run(main())


def test_an_answer_that_is_no_text(run: Run) -> None:
    """Is one to no call, and no approval; a reason of any kind refuses."""

    async def main() -> None:
        approvals: Any = Approvals()
        task = await _waiting(approvals)
        (request,) = approvals.pending()
        wrongs: list[tuple[Any, ...]] = [(None, None), (None,), (1,), ([],), (request.id, 5), (request.id, b"")]
        for wrong in wrongs:
            with pytest.raises(HostError) as caught:
                approvals.approve(*wrong)
            assert "config.invalid" == caught.value.code
        with pytest.raises(HostError, match="no call None waits"):
            approvals.refuse(None)
        assert [request] == approvals.pending()
        approvals.refuse(request.id, 5)
        with pytest.raises(ToolError, match=r"fs\.write: 5"):
            await task

    run(main())


def test_more_names_than_can_be_shown_are_refused(run: Run) -> None:
    """Nobody is asked to agree to what they cannot see."""

    async def main() -> None:
        told: list[Request] = []
        approvals = Approvals(told.append)
        with pytest.raises(ToolError, match=r"fs\.write: too many arguments to show") as caught:
            approvals.ask("a", "fs.write", {f"argument-{number}": number for number in range(1_000)})
        assert ("grant.denied", [], []) == (caught.value.code, told, approvals.pending())
        assert {} == approvals._by_agent

    run(main())


def test_a_prompt_that_fails_refuses_the_call(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged: nobody else knows that the call waits."""

    async def main() -> None:
        def prompt(request: Request) -> None:
            raise RuntimeError("no terminal")

        approvals = Approvals(prompt)
        task = await _waiting(approvals)
        with pytest.raises(ToolError, match="whoever is to ask for consent failed") as caught:
            await task
        assert ("grant.denied", []) == (caught.value.code, approvals.pending())

    with caplog.at_level(logging.ERROR, "caxton.tools"):
        asyncio.run(main())
    assert "no terminal" in caplog.text


# ---- what is shown


def _harmless(text: str) -> bool:
    return all(unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for character in text)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\u001b[2J\u001b]0;title\u0007"),
        ("a\r\nApproved? [y/n] y", r"a\r\nApproved? [y/n] y"),
        ("\u202etxt.exe", r"\u202etxt.exe"),
        ("\u200b\u2066\u2028", r"\u200b\u2066\u2028"),
        ("\x9b2J", r"\x9b2J"),
        ("\\x1b", r"\\x1b"),
    ],
)
def test_a_preview_cannot_control_a_terminal(run: Run, hostile: str, shown: str) -> None:
    """In values, in names, and in the tool's own name."""
    line, cut = preview({"v": hostile, hostile: 1})
    assert f'{{"v": "{shown}", "{shown}": 1}}' == line
    assert not cut

    async def main() -> None:
        request = Approvals().ask("a", hostile, {}).request
        assert _harmless(request.tool)

    run(main())


def test_a_long_value_hides_nothing_behind_it() -> None:
    """Each text and each list is cut by itself, in its middle; the line says so."""
    line, cut = preview({"first": "x" * 100_000, "path": "/etc/passwd", "list": list(range(1000)), "k" * 999: 1})
    assert cut
    assert '"path": "/etc/passwd"' in line
    assert "99,800 more" in line
    assert "980 more" in line
    assert len(line) < 2000
    assert preview({"path": "/srv/" + "a/" * 500 + "../../etc/passwd"})[0].endswith('etc/passwd"}')


@pytest.mark.parametrize("size", [1, 150, 100_000])
def test_every_name_is_shown(size: int) -> None:
    """However many there are and however long the values: none hides behind the others, nor behind one like it."""
    arguments = {f"argument-{number}": "x" * size for number in range(60)}
    line, cut = preview(arguments | {"evil": {"path": "/etc/passwd"}, "...": "... 1 more"})
    assert all(f'"{name}": ' in line for name in arguments)
    assert line.endswith('"evil": {"path": "/etc/passwd"}, "...": "... 1 more"}')
    assert cut == (size > 1)
    long = "k" * 500
    assert preview({long: "harmless", long + "k": "evil"})[0].count("437 more") == 1
    assert all(
        value in preview({f"{long}{n}{long}": value for n, value in enumerate(("harmless", "evil"))})[0]
        for value in ("harmless", "evil")
    )


def test_many_names_in_one_value() -> None:
    """They count like all others; in a list items are left out, which the line says."""
    with pytest.raises(TooMuchError):
        preview({"a": {f"argument-{number}": 0 for number in range(1_000)}})
    line, cut = preview({"messages": [{"role": "user", "content": "x" * 300}] * 200, "model": "m"})
    assert cut
    assert "more" in line
    assert line.endswith('"model": "m"}')


def test_long_numbers_and_blanks() -> None:
    """A number is cut like a text; blanks are counted."""
    line, cut = preview({"n": 10**4000, "b": "a" + " " * 100 + "b", "c": "a" + " " * 8})
    assert cut
    assert "3,801 more" in line
    assert line.endswith('"b": "a [100 blanks] b", "c": "a        "}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=70), inner, max_size=5),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=70), JSON | st.text(min_size=150, max_size=400), max_size=25))
def test_any_preview_is_one_short_harmless_line(arguments: dict[str, Any]) -> None:
    """And it never says that it is whole when it is not, nor leaves out a name; where the names are too long, it is
    none."""
    try:
        line, cut = preview(arguments)
    except TooMuchError:
        assert len(canonical(arguments)) > PREVIEW_LIMIT // 4
        return
    assert all(safe(json.dumps(name, ensure_ascii=False)) in line for name in arguments if len(name) <= 24)
    assert _harmless(line)
    assert len(line.encode()) <= PREVIEW_LIMIT
    if len(canonical(arguments)) > 3 * PREVIEW_LIMIT:
        assert cut


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers() | st.text(st.characters(codec="utf-8"))))
def test_a_digest_is_one_call_s(arguments: dict[str, Any]) -> None:
    """The same in whatever order the names come; another with anything changed."""
    turned = dict(reversed(arguments.items()))
    assert digest(arguments) == digest(turned)
    assert digest(arguments) != digest(arguments | {"another": None})
    for key, value in arguments.items():
        assert digest(arguments) != digest(arguments | {key: str(value) + "1"})
