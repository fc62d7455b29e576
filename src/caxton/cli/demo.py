"""``caxton demo``."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from caxton.cli import output


class _Results(Console):
    """A console whose reader may go away."""

    def on_broken_pipe(self) -> None:
        """Leaves the decision to the caller, where rich would end the process."""
        raise output.Unwritable(None)


def demo(files: Sequence[str], agents: int | None, *, json: bool) -> int:
    """Runs the demo; answers its exit status.

    Raises:
        CaxtonError: ``config.invalid``, a file, the number of agents or the compiler; or whatever an agent came to.
    """
    from caxton.demo.run import DEFAULT_AGENTS, run

    return run(files, agents=DEFAULT_AGENTS if agents is None else agents, json=json, console=_Results())
