"""Erlang processes: the model for supervised actors. They share one virtual machine and one heap limit each."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

from .figures import MESSAGE
from .foreign import foreign_memory, foreign_speed
from .fresh import scratch
from .peer import Peer, needs_program

SOURCE = Path(__file__).with_name("upper_agents.erl")


def _command() -> list[str]:
    """Compiled code, one scheduler (the peers have one core), no busy waiting."""
    beams = scratch()
    if not (beams / "upper_agents.beam").exists():
        subprocess.run(["erlc", "-o", str(beams), str(SOURCE)], check=True, capture_output=True, timeout=60)
    flags = ["+S", "1:1", "+sbwt", "none", "-noshell"]
    return ["erl", *flags, "-pa", str(beams), "-run", "upper_agents", "main", MESSAGE.hex()]


def _version() -> str:
    erl = shutil.which("erl")
    assert erl
    evaluate = "io:put_chars(erlang:system_info(otp_release)), halt()."
    outcome = subprocess.run(
        [erl, "-noshell", "-eval", evaluate], check=True, capture_output=True, text=True, timeout=10
    )
    return f"OTP {outcome.stdout.strip()}"


PEERS = (
    Peer(
        name="erlang",
        title="Erlang process",
        contained="own heap; heap limit",
        missing=needs_program("erlc", "apt-get install erlang-base"),
        version=_version,
        speed=partial(foreign_speed, _command),
        memory=partial(foreign_memory, _command, full=20_000),
        timed_by="Erlang",
    ),
)
