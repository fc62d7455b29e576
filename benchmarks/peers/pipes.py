"""A program on the other end of two pipes, driven with nothing but `os.read` and `os.write`."""

from __future__ import annotations

import os

END_OF_STREAM = "the program closed its output"


class PipedProgram:
    """A program started with posix_spawn. It ends when its standard input ends."""

    def __init__(self, command: list[str]) -> None:
        program_in, self._out = os.pipe()
        self._in, program_out = os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, program_in, 0), (os.POSIX_SPAWN_DUP2, program_out, 1)]
        try:
            self._pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        finally:
            os.close(program_in)
            os.close(program_out)

    def call(self, message: bytes) -> bytes:
        """Write the message, read as many bytes back. Raises `EOFError` when the program has ended."""
        os.write(self._out, message)
        size = len(message)
        answer = os.read(self._in, size)
        while len(answer) < size:
            more = os.read(self._in, size - len(answer))
            if not more:
                raise EOFError(END_OF_STREAM)
            answer += more
        return answer

    def close(self) -> None:
        """Close both pipes and wait until the program has ended."""
        os.close(self._out)
        os.close(self._in)
        os.waitpid(self._pid, 0)
