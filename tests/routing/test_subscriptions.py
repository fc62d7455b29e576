"""The tree of subscriptions finds who gets a topic; a naive reading of the patterns agrees with it."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from caxton.agents.grants import covers_topic
from caxton.agents.topics import check_pattern, check_topic, matches
from caxton.messages import AgentName
from caxton.routing.subscriptions import Subscriptions

TOKENS = st.sampled_from(["a", "b", "c"])
TOPICS = st.lists(TOKENS, min_size=1, max_size=4).map(".".join)
PATTERNS = st.builds(
    lambda tokens, rest: ".".join([*tokens, *rest]),
    st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=3),
    st.sampled_from([[], [">"]]),
) | st.just(">")
AGENTS = st.sampled_from([AgentName(name) for name in ("one", "two", "three")])


def naive(pattern: list[str], topic: list[str]) -> bool:
    """The definition, read aloud."""
    if pattern == [">"]:
        return len(topic) >= 1
    if not pattern or not topic:
        return not pattern and not topic
    return pattern[0] in ("*", topic[0]) and naive(pattern[1:], topic[1:])


@given(PATTERNS, TOPICS)
def test_matching_is_what_its_definition_says(pattern: str, topic: str) -> None:
    """For every pattern and every topic."""
    check_pattern(pattern)
    check_topic(topic)
    assert naive(pattern.split("."), topic.split(".")) is matches(pattern, topic)


@given(st.lists(st.tuples(st.booleans(), AGENTS, PATTERNS), max_size=40), st.lists(TOPICS, max_size=5))
def test_the_tree_agrees_with_a_list_of_subscriptions(
    changes: list[tuple[bool, AgentName, str]], topics: list[str]
) -> None:
    """After any subscriptions and their ends, each subscriber is found once."""
    tree, plain = Subscriptions(), set()
    for add, agent, pattern in changes:
        if add:
            tree.add(agent, pattern)
            plain.add((agent, pattern))
        else:
            tree.remove(agent, pattern)
            plain.discard((agent, pattern))
        for topic in topics:
            wanted = {who for who, pattern in plain if naive(pattern.split("."), topic.split("."))}
            found = tree.matching(topic)
            assert wanted == set(found)
            assert len(wanted) == len(found)


@given(st.lists(st.tuples(AGENTS, PATTERNS), max_size=30))
def test_nothing_is_left_when_all_have_unsubscribed(subscriptions: list[tuple[AgentName, str]]) -> None:
    """The tree shrinks to its root."""
    tree = Subscriptions()
    for agent, pattern in subscriptions:
        tree.add(agent, pattern)
    for agent, pattern in subscriptions:
        tree.remove(agent, pattern)
    assert {} == tree._root.children
    assert {} == tree._root.agents


@given(PATTERNS, PATTERNS, TOPICS)
def test_a_grant_that_covers_a_pattern_covers_its_topics(granted: str, pattern: str, topic: str) -> None:
    """Nobody gets by a subscription what the grant does not give."""
    if covers_topic((granted,), pattern) and matches(pattern, topic):
        assert covers_topic((granted,), topic)


@given(PATTERNS, TOPICS)
def test_a_grant_covers_the_topics_that_it_matches(granted: str, topic: str) -> None:
    """For a plain topic covering is matching."""
    assert matches(granted, topic) is covers_topic((granted,), topic)


ALL_TOPICS = [
    ".".join(tokens) for length in (1, 2, 3, 4) for tokens in itertools.product(("a", "b", "other"), repeat=length)
]


@given(PATTERNS, PATTERNS)
def test_covering_is_inclusion(granted: str, pattern: str) -> None:
    """A grant covers a pattern exactly when it matches every topic that the pattern does."""
    wanted = all(matches(granted, topic) for topic in ALL_TOPICS if matches(pattern, topic))
    assert wanted is covers_topic((granted,), pattern)
