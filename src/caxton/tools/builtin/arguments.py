"""What the built-in tools take: one strict model each, from which come the checks and the schema that agents see.

Imported when a tool is first listed or called: pydantic takes its time.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from caxton.errors import ToolError
from caxton.text import safe, safe_name

_TEXT: Final = 1 << 20


class Arguments(BaseModel):
    """Nothing is converted, and nothing that is unknown is taken."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Fetch(Arguments):
    """Makes an HTTP request to a granted host and answers status, headers and body; follows redirects."""

    url: Annotated[str, Field(min_length=1, max_length=8192, description="http:// or https://")]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: Annotated[dict[str, str], Field(max_length=64)] = {}
    body: Annotated[str | None, Field(max_length=_TEXT, description="sent as UTF-8")] = None
    max_bytes: Annotated[int | None, Field(ge=1, description="a longer answer is refused")] = None


Path = Annotated[str, Field(max_length=4096, description="relative to the agent's directory; / between names")]


class Read(Arguments):
    """Reads a file of the agent's directory, or a part of it: text where it is UTF-8, else base64."""

    path: Path
    offset: Annotated[int, Field(ge=0, le=1 << 50, description="in bytes")] = 0
    length: Annotated[int | None, Field(ge=0, description="in bytes; as a rule the rest")] = None


class Write(Arguments):
    """Writes a file of the agent's directory, whole or at its end; makes the directories that it needs."""

    path: Path
    text: Annotated[str | None, Field(description="written as UTF-8")] = None
    base64: Annotated[str | None, Field(description="bytes, in place of text")] = None
    append: bool = False


class List(Arguments):
    """Lists a directory of the agent's: names, types and sizes."""

    path: Path = "."


class Message(Arguments):
    """One message of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(max_length=_TEXT)]


class Complete(Arguments):
    """Asks the language model: a prompt, or the messages of a conversation."""

    prompt: Annotated[str | None, Field(max_length=_TEXT)] = None
    messages: Annotated[list[Message] | None, Field(min_length=1, max_length=512)] = None
    system: Annotated[str | None, Field(max_length=_TEXT, description="instructions ahead of the rest")] = None
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    temperature: Annotated[float | None, Field(ge=0, le=2, allow_inf_nan=False)] = None
    stop: Annotated[list[Annotated[str, Field(min_length=1, max_length=256)]] | None, Field(max_length=4)] = None
    model: Annotated[str | None, Field(max_length=256, description="the host's model, or nothing")] = None


Key = Annotated[str, Field(min_length=1, max_length=256)]


class Put(Arguments):
    """Remembers a text. Under a key that is there already it takes the old one's place."""

    text: Annotated[str, Field(min_length=1, max_length=64 << 10)]
    key: Annotated[Key | None, Field(description="chosen by the host where there is none")] = None
    tags: Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=16)] = []


class Search(Arguments):
    """Finds what was remembered, by its words: texts and tags that have any of them, the best first."""

    query: Annotated[str, Field(max_length=4096)]
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class Delete(Arguments):
    """Forgets what was remembered under a key."""

    key: Key


MODELS: Final[dict[str, type[Arguments]]] = {
    "http.fetch": Fetch,
    "fs.read": Read,
    "fs.write": Write,
    "fs.list": List,
    "llm.complete": Complete,
    "memory.put": Put,
    "memory.search": Search,
    "memory.delete": Delete,
}

A = TypeVar("A", bound=Arguments)


def parse(tool: str, model: type[A], arguments: dict[str, Any]) -> A:
    """The arguments of a call.

    Raises:
        ToolError: ``tool.bad-arguments``; the message says which and why, and repeats no value.
    """
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = safe_name(".".join(str(part) for part in first["loc"]))
        raise ToolError("tool.bad-arguments", f"{tool}: {where}: {safe(first['msg'], 500)}") from None


def schema(model: type[Arguments]) -> dict[str, Any]:
    """The JSON Schema of a tool's input (2020-12), without the titles that repeat every name."""
    found: dict[str, Any] = _untitled(model.model_json_schema())
    found.pop("description", None)
    return found


def description(model: type[Arguments]) -> str:
    """What the tool does, in a sentence."""
    return " ".join((model.__doc__ or "").split())


def _untitled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _untitled(one) for key, one in value.items() if key != "title" or not isinstance(one, str)}
    return [_untitled(one) for one in value] if isinstance(value, list) else value
