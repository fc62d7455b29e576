"""What every agent does, whatever language it is written in: one list, proven on modules.

A module that answers the message ``conformance`` with ``caxton-conformance 1 LANGUAGE`` keeps the small protocol of
docs/reference/conformance.md, and ``prove`` plays each of ``BEHAVIOURS`` with it: real agents on a real host, whose
clock the play moves. Nothing here knows of which kind the module is.
"""

from caxton.conformance import behaviours
from caxton.conformance.behaviour import Behaviour, Unkept, listed
from caxton.conformance.trial import Verdict, prove

BEHAVIOURS = listed()
"""The list."""

__all__ = ["BEHAVIOURS", "Behaviour", "Unkept", "Verdict", "behaviours", "prove"]
