"""What a built-in tool refuses of a call whatever the moment: told without opening, starting or asking anything."""

from __future__ import annotations

from caxton.errors import ToolError
from caxton.text import safe_name
from caxton.tools.builtin import completions, files, http, memory
from caxton.tools.provider import Call
from caxton.tools.settings import ToolSettings


def check(settings: ToolSettings, call: Call) -> None:
    """Returns if the tool would try to do it. What it does first, when it is called, is this.

    Raises:
        ToolError: ``tool.unknown``, ``tool.bad-arguments``; ``grant.denied``, with its ``rule`` where one decides.
        LimitError: ``limit.budget``, it would be more than a quota has.
    """
    from caxton.tools.builtin import arguments

    model = arguments.MODELS.get(call.tool)
    if model is None or (call.tool == "llm.complete" and settings.llm is None):
        raise ToolError("tool.unknown", f"there is no tool {safe_name(call.tool)}")
    parsed = arguments.parse(call.tool, model, call.arguments)
    if isinstance(parsed, arguments.Fetch):
        http.check(call, parsed)
    elif isinstance(parsed, arguments.Read | arguments.List):
        files.check(settings.fs, call, parsed.path)
    elif isinstance(parsed, arguments.Write):
        files.check_write(settings.fs, call, parsed)
    elif isinstance(parsed, arguments.Put):
        memory.check(parsed)
    elif isinstance(parsed, arguments.Complete) and settings.llm is not None:
        completions.checked(settings.llm, parsed)
