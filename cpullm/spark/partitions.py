"""Keys that Spark's own hash deals out one to a partition.

`repartition(n, key)` puts a row where the hash of its key says: 16 groups by their numbers end up in about 10 of 16
partitions, while other tasks have nothing to do. So a group is given a key of which the place is known.
"""

from __future__ import annotations

from itertools import count

_SEED = 42
_MASK = 0xFFFFFFFF


def keys(n: int) -> list[int]:
    """For each of `n` partitions, in order, a small number that Spark's `hash` puts there."""
    found: dict[int, int] = {}
    for key in count():
        found.setdefault(spark_hash(key) % n, key)
        if len(found) == n:
            return [found[place] for place in range(n)]
    raise AssertionError


def spark_hash(number: int) -> int:
    """Spark SQL's `hash` of an int: MurmurHash3 for 32 bits (Appleby 2011) of its four bytes, as a signed number."""
    mixed = _rotated(number * 0xCC9E2D51 & _MASK, 15) * 0x1B873593 & _MASK
    state = (_rotated(_SEED ^ mixed, 13) * 5 + 0xE6546B64) & _MASK ^ 4
    state = (state ^ state >> 16) * 0x85EBCA6B & _MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & _MASK
    state ^= state >> 16
    return state - (1 << 32) if state >> 31 else state


def _rotated(number: int, bits: int) -> int:
    return (number << bits | number >> (32 - bits)) & _MASK
