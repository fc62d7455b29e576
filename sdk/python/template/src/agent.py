"""{{name}}: one function from a message to its reply."""

from caxton_agent import Failure, Message, state


def handle(message: Message) -> str:
    """Greets whoever the message names."""
    if not message.text:
        raise Failure("whom shall I greet?")
    print(f"greeting {message.text}")
    state["last"] = message.text
    return f"hello, {message.text}"
