"""What the component exports: the agent's function, between the envelope that comes in and the reply that goes out."""

from __future__ import annotations

import os
from collections.abc import Callable

import wit_world
from componentize_py_types import Err
from wit_world.imports import types

from caxton_agent import machine, output
from caxton_agent.crossing import PERFORMATIVES, to_wit
from caxton_agent.errors import Failure
from caxton_agent.messages import Message, Payload


class Agent:
    """The function of the agent's own module."""

    handle: Callable[[Message], Payload | None]


def message_of(envelope: types.Envelope) -> Message:
    """An envelope as it comes from the host."""
    return Message(
        payload=envelope.payload.value,
        performative=PERFORMATIVES[envelope.performative],
        sender=envelope.sender,
        receivers=tuple(envelope.receivers),
        conversation_id=envelope.conversation_id,
        reply_with=envelope.reply_with,
        in_reply_to=envelope.in_reply_to,
        reply_by=envelope.reply_by,
        ontology=envelope.ontology,
        language=envelope.language,
        content_type=envelope.content_type,
        id=envelope.id,
        headers=dict(envelope.headers),
    )


class WitWorld(wit_world.WitWorld):
    """The world ``agent`` of the WIT package."""

    def handle(self, message: types.Envelope) -> types.Reply:
        """One turn. An exception that nobody has caught is logged, and then the instance traps."""
        try:
            if not machine.Machine.begun:
                machine.begin()
                output.install()
            try:
                return types.Reply(to_wit(Agent.handle(message_of(message))))
            finally:
                output.finish()
        except Failure as failure:
            raise Err(types.Failure(to_wit(failure.payload))) from None
        except BaseException as error:
            output.uncaught(error)
            os.abort()
