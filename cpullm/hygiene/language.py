"""The language of a text, guessed offline by py3langid (Lui and Baldwin 2012, "langid.py")."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import Any

from cpullm.errors import MachineError

UNDETERMINED = "und"
_LEAST_LETTERS = 12
_LEAST_CONFIDENCE = 0.4
_PARTS = 8
_PART_CHARACTERS = 250


def language(text: str) -> str:
    """The ISO 639-1 tag of the text's language, `und` if the text is too short or the guess uncertain."""
    sample = _sample(text)
    if sum(map(str.isalpha, sample)) < _LEAST_LETTERS:
        return UNDETERMINED
    tag, confidence = _identifier().classify(sample)
    return tag if confidence >= _LEAST_CONFIDENCE and len(tag) == 2 else UNDETERMINED


def check_installed() -> None:
    """Raise MachineError if py3langid is missing; the model is not loaded."""
    if importlib.util.find_spec("py3langid") is None:
        raise MachineError("Hygiene needs the package py3langid; install it: pip install 'cpullm[hygiene]'.")


def _sample(text: str) -> str:
    """Parts from all over a long text: its beginning may be a licence in another language."""
    if len(text) <= _PARTS * _PART_CHARACTERS:
        return text
    step = (len(text) - _PART_CHARACTERS) // (_PARTS - 1)
    return "\n".join(text[part * step : part * step + _PART_CHARACTERS] for part in range(_PARTS))


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """The model, loaded once a process (half a second, about 100 MB)."""
    check_installed()
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
