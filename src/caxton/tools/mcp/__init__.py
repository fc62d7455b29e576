"""The client side of MCP: servers that are child processes or are reached over HTTP, as one provider of tools.

::

    servers.McpServers -> server.ServerProvider -> link.Link -> the SDK's Client -> stdio.py | http.py
                                 |                    |
                            results, pins         listing, guard

The protocol is the official SDK's. What is here is what the host adds to it: processes that leave nothing behind,
bounds on whatever a server sends, restarts, pins, and one shape for results.
"""
