"""What the alternatives to a WebAssembly agent cost, measured side by side in one run.

Every peer does the same job: a message of 256 bytes goes in, the same bytes with ASCII letters in upper case come out.

    figures.py   the job, and the numbers that a peer is described by
    peer.py      what a peer is; `Peer.measure(runs) -> Figures`
    timing.py    the loops that take the time of units driven from Python
    footprint.py memory: PSS of a process and its descendants, before and after
    fresh.py     runs one phase of one peer in a fresh, pinned process, bounded in time
    worker.py    what runs in that process
    rounds.py    all peers in turn, round after round, so that drift hits them alike
    report.py    machine facts, table, JSON
    *_peer.py    one file for each family of peers
"""
