"""What may be called, how often, with what, and with whose consent.

``decision`` and ``explain`` are pure; ``meters`` counts; ``approval`` waits for a person. The registry asks them in
that order, before anything reaches a tool.
"""
