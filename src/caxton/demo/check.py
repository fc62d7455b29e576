"""The same count in plain Python: another way to the same numbers, to hold the agents' against."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from caxton.demo.documents import Document

_TERM: Final = re.compile(rb"[0-9a-z_\x80-\xff]{1,64}")


@dataclass(frozen=True, slots=True)
class Sums:
    """What can be counted in some documents.

    ``words`` has a number for each document; ``lines`` has its CRC-32, its line ends and its longest line.
    """

    terms: Mapping[bytes, int]
    words: Sequence[int]
    lines: Sequence[tuple[int, int, int]]
    top: Sequence[tuple[bytes, int]]


def plain_count(documents: Sequence[Document], *, most: int, shortest: int, left_out: Collection[bytes]) -> Sums:
    """Counts ``documents``; ``top`` are the ``most`` frequent terms of ``shortest`` bytes or more."""
    terms: Counter[bytes] = Counter()
    words: list[int] = []
    lines: list[tuple[int, int, int]] = []
    for document in documents:
        found = _TERM.findall(document.data.lower())
        terms.update(found)
        words.append(len(found))
        longest = max(map(len, document.data.split(b"\n")))
        lines.append((zlib.crc32(document.data), document.data.count(b"\n"), longest))
    ranked = sorted((-count, term) for term, count in terms.items() if len(term) >= shortest and term not in left_out)
    return Sums(terms, words, lines, [(term, -count) for count, term in ranked[:most]])


def differences(found: Sums, expected: Sums, documents: Sequence[Document]) -> Iterator[str]:
    """One sentence for each total in which ``found`` is not ``expected``."""
    if dict(found.terms) != dict(expected.terms):
        wrong = {term for term, _ in set(found.terms.items()) ^ set(expected.terms.items())}
        yield f"{len(wrong)} terms are counted differently"
    if list(found.top) != list(expected.top):
        yield "the top terms differ"
    per_document = zip(documents, found.words, expected.words, found.lines, expected.lines, strict=True)
    for document, words, expected_words, lines, expected_lines in per_document:
        if (words, lines) != (expected_words, expected_lines):
            yield f"{document.name}: {words} words, {lines} instead of {expected_words} words, {expected_lines}"
