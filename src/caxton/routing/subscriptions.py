"""Who is subscribed to what: a tree of tokens, so that a topic finds its subscribers without reading them all."""

from __future__ import annotations

from caxton.messages import AgentName


class _Node:
    __slots__ = ("agents", "children")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.agents: dict[AgentName, None] = {}


class Subscriptions:
    """Patterns (agents/topics.py has their grammar) and the agents that are subscribed to them."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, agent: AgentName, pattern: str) -> None:
        """Subscribes an agent; a second time changes nothing."""
        node = self._root
        for token in pattern.split("."):
            node = node.children.setdefault(token, _Node())
        node.agents[agent] = None

    def remove(self, agent: AgentName, pattern: str) -> None:
        """Ends a subscription, if there is one."""
        path = [(self._root, "")]
        node = self._root
        for token in pattern.split("."):
            found = node.children.get(token)
            if found is None:
                return
            path.append((found, token))
            node = found
        node.agents.pop(agent, None)
        for (parent, _), (child, token) in zip(reversed(path[:-1]), reversed(path[1:]), strict=True):
            if child.agents or child.children:
                return
            del parent.children[token]

    def matching(self, topic: str) -> list[AgentName]:
        """The agents whose patterns match, each once, in the order of their subscription to the matching patterns."""
        found: dict[AgentName, None] = {}
        nodes = [self._root]
        tokens = topic.split(".")
        for token in tokens:
            following = []
            for node in nodes:
                rest = node.children.get(">")
                if rest is not None:
                    found.update(rest.agents)
                following += [child for key in (token, "*") if (child := node.children.get(key)) is not None]
            nodes = following
        for node in nodes:
            found.update(node.agents)
        return list(found)
