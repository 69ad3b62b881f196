"""Which documents are for validation, so that nothing of theirs is trained on.

Documents that are the same but for white space, or near duplicates, stay on one side: MinHash and its bands, as in
`cpullm.hygiene`. A passage that two other documents share is found by its runs of five words; Lee et al. 2022,
"Deduplicating Training Data Makes Language Models Better", take 50 tokens for a passage that is no chance.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from cpullm.hygiene import minhash, normalized
from cpullm.options import Hygiene, Training

PASSAGE_WORDS = 50
_RUN = 5  # words, as minhash has them
_NEIGHBOURS = 8


def clusters(texts: Mapping[str, str], hygiene: Hygiene) -> list[list[str]]:
    """The documents' ids, those of one text or of near duplicates together. The same for any order of the texts."""
    clean = {id_: normalized(texts[id_]) for id_ in sorted(texts)}
    pairs = [*_pairs({id_: [_digest(text)] for id_, text in clean.items()}), *_alike(clean, hygiene)]
    members: dict[str, list[str]] = defaultdict(list)
    above = minhash.components(pairs)
    for id_ in clean:
        members[above.get(id_, id_)].append(id_)
    return list(members.values())


def held_out(together: Sequence[Sequence[str]], texts: Mapping[str, str], training: Training) -> set[str]:
    """The documents for validation: about their share, by a hash of text and seed; one or more on each side, if there
    are two clusters and a share."""
    n = sum(map(len, together))
    if training.validation == 0 or len(together) < 2:
        return set()
    wanted = min(max(1, round(training.validation * n)), n - 1)
    keys = {id_: _digest(texts[id_]) for ids in together for id_ in ids}
    ordered = sorted(together, key=lambda ids: (_draw(training, min(keys[id_] for id_ in ids)), min(ids)))
    found: set[str] = set()
    for ids in ordered:
        if len(found) + len(ids) <= wanted:
            found.update(ids)
    sizes = [len(ids) for ids in ordered]
    return found or set(ordered[sizes.index(min(sizes))])


def common_words(texts: Iterable[str], others: Iterable[str]) -> Iterator[tuple[int, bool]]:
    """For each text the words of the longest passage it has in common with the others, by runs of five words; and
    whether all of it is."""
    runs = [minhash.runs(text) for text in others]
    known = np.unique(np.concatenate(runs)) if runs else np.empty(0, np.uint64)
    for text in texts:
        own = minhash.runs(text)
        longest = _longest(np.isin(own, known))
        yield (longest + _RUN - 1 if longest else 0), 0 < longest == len(own)


def _longest(flags: npt.NDArray[np.bool_]) -> int:
    """The length of the longest stretch that is true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _alike(texts: Mapping[str, str], hygiene: Hygiene) -> list[tuple[str, str]]:
    """Pairs of near duplicates."""
    rows = minhash.band_rows(hygiene.similarity, hygiene.n_permutations)
    made = {id_: minhash.signature(text, hygiene.n_permutations) for id_, text in texts.items()}
    near = _pairs({id_: minhash.bands(one, rows) for id_, one in made.items() if one.size})
    return [(a, b) for a, b in sorted(set(near)) if minhash.similarities(made[a], made[b]) >= hygiene.similarity]


def _pairs(keys: Mapping[str, Sequence[object]]) -> Iterator[tuple[str, str]]:
    """Each id with the first of those that share a key with it, and a few before it."""
    buckets: dict[object, list[str]] = defaultdict(list)
    for id_, those in keys.items():
        for key in those:
            bucket = buckets[key]
            yield from ((other, id_) for other in {*bucket[:1], *bucket[-_NEIGHBOURS:]})
            bucket.append(id_)


def _digest(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def _draw(training: Training, digest: str) -> str:
    return hashlib.sha256(f"{training.split_seed} {digest}".encode()).hexdigest()
