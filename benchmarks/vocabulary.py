"""Texts of made-up words, some very common and some very rare, as in real language."""

import itertools
import random

SYLLABLES = [
    "ba",
    "be",
    "bi",
    "bo",
    "ca",
    "ce",
    "co",
    "da",
    "de",
    "di",
    "do",
    "fa",
    "fe",
    "ga",
    "go",
    "ha",
    "he",
    "la",
    "le",
    "li",
    "lo",
    "ma",
    "me",
    "mi",
    "mo",
    "na",
    "ne",
    "no",
    "pa",
    "pe",
    "po",
    "ra",
    "re",
    "ri",
    "ro",
    "sa",
]
WORDS = 5_000
FOREIGN = ("größe", "naïve", "日本語", "Привет", "façade")  # one word in about a hundred is not ASCII


def words(pick: random.Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(pick.choices(SYLLABLES, k=pick.choice((1, 2, 2, 3, 3, 4))))] = None
    return sorted(found, key=lambda word: (len(word), word))


def texts(pick: random.Random, *, count: int, mean_bytes: int) -> list[str]:
    """`count` texts of about `mean_bytes` each; short words are the common ones."""
    known = words(pick)
    weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(known))))
    made = []
    for _ in range(count):
        size = max(1, int(mean_bytes * pick.uniform(0.4, 1.6)))
        chosen = pick.choices(known, cum_weights=weights, k=size // 4 + 1)
        chosen[len(chosen) // 2] = pick.choice(FOREIGN) if pick.random() < 0.4 else chosen[0].capitalize() + "."
        made.append(" ".join(chosen)[:size])
    return made
