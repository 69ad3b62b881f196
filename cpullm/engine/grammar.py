"""What an answer must look like, as llama.cpp takes it: GBNF, also from a JSON schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cpullm.errors import OptionError
from cpullm.options import Sampling

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel


def from_schema(schema: Mapping[str, Any]) -> str:
    """The GBNF of a JSON schema, by the bindings' own converter. Raises OptionError for a schema it cannot read."""
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    from cpullm.engine import bindings  # noqa: F401 - loads llama_cpp as it is to be loaded

    try:
        grammar = str(json_schema_to_gbnf(json.dumps(schema)))
    except Exception as error:  # the converter raises whatever a schema makes it stumble over
        raise OptionError(f"llama.cpp cannot read the schema: {type(error).__name__} {error}.") from error
    # The converter lets strings run over lines, which JSON does not.
    return grammar.replace(r'[^"\\] |', r'[^"\\\x00-\x1F] |')


def check(model: LlamaModel, sampling: Sampling) -> None:
    """Raise OptionError unless llama.cpp can sample so; a model of the vocabulary alone will do."""
    from cpullm.engine.sampler import Sampler

    Sampler(model, sampling).close()
