"""Where this package lies: in a checkout, in a bundle carried to machines without a network, or alone.

A bundle's environment holds `_data/bundle.json` inside the package: what was carried along with it.
"""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from cpullm.errors import InputError

STARTER = "smollm2-135m-instruct"
SAMPLE = "sample"
PACKAGE = Path(__file__).resolve().parent
MARK = "_data/bundle.json"


@dataclass(frozen=True, slots=True)
class Bundled:
    """What a bundle was made for: the model's and the books' files, as they lie in its models/ and corpora/."""

    model: str
    corpora: tuple[str, ...]


@functools.cache
def bundled() -> Bundled | None:
    """What was carried along with this environment; None if it is no bundle's."""
    path = PACKAGE / MARK
    try:
        facts = json.loads(path.read_text("utf-8"))
        return Bundled(str(facts["model"]), tuple(facts["corpora"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is damaged ({error}): install the bundle anew.") from error


def checkout() -> Path | None:
    """The checkout this package is in."""
    return PACKAGE.parent if (PACKAGE.parent / "models" / "catalog.json").is_file() else None


def home() -> Path:
    """Whose models/ and corpora/ come first: the checkout's, an installed bundle's, else the current folder's."""
    if bundled() is not None:
        return Path(sys.prefix).parent
    return checkout() or Path.cwd()


def default_model() -> str:
    """The model taken where none is named: the bundle's, else the starter."""
    carried = bundled()
    return STARTER if carried is None else _there("models", carried.model)


def default_source() -> str:
    """The text taken where none is named: the bundle's first book or folder of them, else the sample."""
    carried = bundled()
    return SAMPLE if carried is None or not carried.corpora else _there("corpora", carried.corpora[0])


def _there(kind: str, name: str) -> str:
    """Its path where the bundle was installed, so that nothing else is taken for it; else its name, to be looked up."""
    path = home() / kind / name
    return str(path) if path.exists() else name
