"""How much two texts share: MinHash signatures of their shingles, and the bands by which candidates are found.

MinHash is Broder 1997, "On the resemblance and containment of documents"; banding is Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", chapter 3. A text's shingles are its runs of five words, or, where one begins in a script
that puts no space between words, of nine characters, which share as much by chance as five words do. Everything here
is the same on every machine and in every run.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import regex

Hashes = npt.NDArray[np.uint64]
Signature = npt.NDArray[np.uint32]

_WORDS = 5
_CHARACTERS = 9
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
_CHARACTER = regex.compile(rf"[{_UNSPACED}]")
_TOKEN = regex.compile(rf"(?V1)[{_UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+")
_BLOCK = 4096
_RECALL = 0.995
_SEED = 1997


def shingles(text: str) -> Hashes:
    """The 64-bit hashes of the text's distinct runs, case folded; of all its words if it has fewer than a run."""
    return np.unique(runs(text))


def runs(text: str) -> Hashes:
    """The same in the text's order, each as often as it stands there; those of characters before those of words."""
    tokens = _TOKEN.findall(text.casefold())
    if not tokens:
        return np.empty(0, np.uint64)
    places = {token: place for place, token in enumerate(dict.fromkeys(tokens))}
    order = [places[token] for token in tokens]
    hashes = np.array([_hash(token) for token in places], np.uint64)[order]
    unspaced = np.array([_CHARACTER.match(token) is not None for token in places])[order]
    return _mixed(np.concatenate((_runs(hashes, unspaced, _CHARACTERS), _runs(hashes, ~unspaced, _WORDS))))


def signature(text: str, n_permutations: int) -> Signature:
    """For each of `n_permutations` hash functions the least hash of any shingle; empty if there is no shingle.

    The functions are multiply-shift ones (Dietzfelbinger 1996), pairwise independent on 32 bits.
    """
    hashes = shingles(text) >> np.uint64(32)
    if not hashes.size:
        return np.empty(0, np.uint32)
    slopes, offsets = _factors(n_permutations, "slope"), _factors(n_permutations, "offset")
    least = np.full(n_permutations, np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK, None] * slopes + offsets
        np.minimum(least, block.min(axis=0), out=least)
    made: Signature = (least >> np.uint64(32)).astype(np.uint32)
    return made


def similarities(one: Signature, others: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    """Estimated Jaccard similarity of a signature (n,), or of each of m (m, n), with each of m others (m, n)."""
    shares: npt.NDArray[np.float64] = (one == others).mean(axis=-1)
    return shares


def band_rows(similarity: float, n_permutations: int) -> int:
    """Rows of a band: as many as still make pairs of this similarity candidates in 99.5 of 100 cases."""
    for rows in range(n_permutations, 1, -1):
        if 1 - (1 - similarity**rows) ** (n_permutations // rows) >= _RECALL:
            return rows
    return 1


def bands(made: Signature, rows: int) -> list[int]:
    """One signed 64-bit hash per band of `rows` values; two texts that share one are candidates."""
    n_bands = len(made) // rows
    values = made[: n_bands * rows].reshape(n_bands, rows).astype(np.uint64)
    summed = (values * _factors(rows, "band")).sum(axis=1, dtype=np.uint64) + np.arange(n_bands, dtype=np.uint64)
    return [int(value) for value in _mixed(summed).view(np.int64)]


def components(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Every id that is in a pair → the least id that pairs connect it with (union-find)."""
    above: dict[str, str] = {}

    def top(id_: str) -> str:
        while above[id_] != id_:
            above[id_] = above[above[id_]]
            id_ = above[id_]
        return id_

    for one, other in pairs:
        low, high = sorted((top(above.setdefault(one, one) and one), top(above.setdefault(other, other) and other)))
        above[high] = low
    return {id_: top(id_) for id_ in above}


def _runs(hashes: Hashes, begins: npt.NDArray[np.bool_], length: int) -> Hashes:
    """The sums of the runs of `length` words, or of all if there are fewer, that begin where `begins` is true."""
    run = min(length, len(hashes))
    n_runs = len(hashes) - run + 1
    starts = np.flatnonzero(begins[:n_runs])
    summed = np.zeros(len(starts), np.uint64)
    for place, factor in enumerate(_factors(run, "run")):
        summed += hashes[starts + place] * factor
    return summed


def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")


def _factors(n: int, use: str) -> Hashes:
    """Odd constants, fixed for ever."""
    return np.array([_hash(f"{_SEED} {use} {i}") | 1 for i in range(n)], np.uint64)


def _mixed(values: Hashes) -> Hashes:
    """Every bit of the result depends on every bit of the value (SplitMix64's finish, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = values ^ (values >> np.uint64(31))
    return mixed
