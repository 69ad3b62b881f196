"""Which of given answers a model holds for the likeliest: their tokens as a tree, and where in it the model is asked.

An answer's likelihood is that of its first tokens, as far as no other answer begins so: what comes after has no choice.
Where the first tokens differ, that is one look at the end of the prompt, and nothing is decoded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from cpullm.errors import OptionError

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel

Path = tuple[int, ...]


def distinct(answers: Sequence[Path]) -> tuple[Path, ...]:
    """Each answer's beginning that no other has. Raises ValueError for an answer that is another's beginning."""
    shared = Counter(answer[:n] for answer in answers for n in range(1, len(answer) + 1))
    found: list[Path] = []
    for answer in answers:
        n = next((n for n in range(1, len(answer) + 1) if shared[answer[:n]] == 1), None)
        if n is None:
            raise ValueError(f"answer {len(found)} is the beginning of another")
        found.append(answer[:n])
    return tuple(found)


@lru_cache(maxsize=64)
def tokenized(model: LlamaModel, tail: str, answers: tuple[str, ...]) -> tuple[list[int], tuple[Path, ...]]:
    """The end of a prompt, and how each answer to it begins as no other does. Raises OptionError if one does not.

    The two are read together: a model's vocabulary may have a token that goes over the place where they meet.
    """
    whole = [tuple(model.tokenize(tail + answer, special=True)) for answer in answers]
    alone = tuple(model.tokenize(tail, special=True))
    n = next(n for n in range(len(alone), -1, -1) if all(tokens[:n] == alone[:n] for tokens in whole))
    try:
        return list(alone[:n]), distinct([tokens[n:] for tokens in whole])
    except ValueError:
        raise OptionError(
            "to this model two of the choices are the same, or one is the beginning of another: reword them."
        ) from None


def n_steps(paths: Sequence[Path]) -> int:
    """How often the model is asked: at the end of the prompt, and after each beginning that several answers have."""
    return len({path[:n] for path in paths for n in range(len(path))})


@dataclass(slots=True)
class Choosing:
    """One choice on its way: `node` is the beginning after which the model is asked next, None if all is known.

    The tree is gone through depth first, so that the KV of a beginning is there when its branches are asked about. A
    model that cannot go back (`returns`) follows the likeliest branch alone; what it leaves is at minus infinity.
    `prior` has the same log-likelihoods without a text, if they are to be taken off.
    """

    paths: tuple[Path, ...]
    returns: bool = True
    log_likelihoods: list[float] = field(init=False)
    goes_back: bool = False
    prior: Sequence[float] | None = None
    _open: list[Path] = field(default_factory=lambda: [()])

    def __post_init__(self) -> None:
        self.log_likelihoods = [0.0] * len(self.paths)

    @property
    def node(self) -> Path | None:
        """The beginning that comes next."""
        return self._open[-1] if self._open else None

    @property
    def wanted(self) -> list[int]:
        """The tokens that may follow on it, each once."""
        node = self._open[-1]
        n = len(node)
        return list(dict.fromkeys(path[n] for path in self.paths if path[:n] == node))

    @property
    def best(self) -> int:
        """The place of the likeliest answer, or of that which the text makes likelier by most; the first of equals."""
        found = self.log_likelihoods
        if self.prior is not None and all(map(math.isfinite, (*found, *self.prior))):
            found = [said - before for said, before in zip(found, self.prior, strict=True)]
        return max(range(len(found)), key=found.__getitem__)

    def take(self, log_likelihoods: Sequence[float]) -> None:
        """Take in those of the tokens `wanted`."""
        said = dict(zip(self.wanted, log_likelihoods, strict=True))
        node = self._open.pop()
        n = len(node)
        for i, path in enumerate(self.paths):
            if path[:n] == node:
                self.log_likelihoods[i] += said[path[n]]
        tokens = list(said)
        if not self.returns:
            tokens = [max(said, key=said.__getitem__)]
            self._leave(node, tokens[0])
        branches = {path[: n + 1] for path in self.paths if len(path) > n + 1}
        self._open += [(*node, token) for token in reversed(tokens) if (*node, token) in branches]
        self.goes_back = bool(self._open) and self._open[-1][:-1] != node

    def _leave(self, node: Path, token: int) -> None:
        """Give up the answers that go on from here in another way."""
        for i, path in enumerate(self.paths):
            if path[: len(node) + 1] != (*node, token):
                self.log_likelihoods[i] = -math.inf
