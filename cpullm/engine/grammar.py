"""What an answer must look like, as llama.cpp takes it: GBNF, also from a JSON schema.

llama.cpp reads a grammar by recursion and writes repetitions out: nesting that is too deep ends the process, and a
repetition that is too long takes all memory. Both are refused here, before it sees the text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import regex

from cpullm.errors import OptionError
from cpullm.job import Sampling

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel

MOST_BYTES = 200_000  # 20,000 short alternatives take half a second to read, once for each answer
MOST_NESTED = 1000  # 1,500 overflow a stack of 512 KB, 20,000 one of 8 MB
MOST_REPEATED = 2000  # llama.cpp's own; it reads a higher maximum as none
MOST_WRITTEN_OUT = 1_000_000
MOST_IN_SCHEMA = 1000  # the converter nests what may be left out

_COMMENT = "#[^\r\n]*"
# What can hold brackets that are none, what can be repeated, and what nests or repeats; unclosed, it goes to the end.
_TOKEN = regex.compile(
    rf'{_COMMENT}|"(?:[^"\\]|\\.)*+"?|\[(?:[^\]\\]|\\.)*+\]?|<[^>]*+>?|[\w-]++|\{{[^}}]*+\}}?|[().]', regex.DOTALL
)
_REPETITION = regex.compile(r"\{\s*([0-9]{1,9})\s*(?:,\s*([0-9]{1,9})?\s*)?\}")
_BOUNDS = (("minItems", "maxItems"), ("minLength", "maxLength"))


def from_schema(schema: Mapping[str, Any]) -> str:
    """The GBNF of a JSON schema, by the bindings' own converter. Raises OptionError for a schema it cannot read."""
    from llama_cpp import llama_grammar

    from cpullm.engine import bindings  # noqa: F401 - loads llama_cpp as it is to be loaded

    try:
        text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
        text.encode()
        read = json.loads(text, object_hook=_checked)
        untyped: Any = llama_grammar
        converter = untyped.SchemaConverter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
        # The converter's own leaves backslashes as they are and cuts emoji in two.
        converter._format_literal = _literal
        converter.visit(converter.resolve_refs(read, "schema"), "")
        grammar = str(converter.format_grammar())
    except OptionError:
        raise
    except UnicodeEncodeError:
        raise OptionError("the schema holds half a character, which is no Unicode text; write it whole.") from None
    except RecursionError:
        raise OptionError("the schema is nested too deep for llama.cpp's converter; make it flatter.") from None
    except Exception as error:  # the converter raises whatever a schema makes it stumble over
        raise OptionError(f"llama.cpp cannot read the schema: {type(error).__name__} {error}.") from error
    # The converter lets strings run over lines, which JSON does not.
    return grammar.replace(r'[^"\\] |', r'[^"\\\x00-\x1F] |')


def _literal(value: str) -> str:
    """A value written as JSON, as GBNF: an answer is that value, its characters as they are where JSON allows it."""
    # GBNF's strings escape as JSON's do.
    return json.dumps(json.dumps(json.loads(value), ensure_ascii=False), ensure_ascii=False)


def _checked(schema: dict[str, Any]) -> dict[str, Any]:
    """A part of a schema as it is. Raises OptionError for a length that cannot be written out, and for no name."""
    if isinstance(schema.get("properties"), dict) and "" in schema["properties"]:
        raise OptionError("a property of the schema is named '', which the converter takes for the whole; name it.")
    for low, high in _BOUNDS:
        bounds = {name: schema[name] for name in (low, high) if isinstance(schema.get(name), int)}
        for name, bound in bounds.items():
            _check_bound(f"{name} {bound}", bound, MOST_IN_SCHEMA)
        if len(bounds) == 2 and bounds[low] > bounds[high]:
            raise OptionError(f"{low} {bounds[low]} is above {high} {bounds[high]}; exchange them.")
    if isinstance(schema.get("pattern"), str):
        for written in regex.findall(r"\{[^}]*\}", schema["pattern"]):
            _check_quantifier(written)
    return schema


def _check_quantifier(written: str) -> None:
    numbers = [int(number) for number in regex.findall(r"\d+", written.replace("_", ""))]
    for number in numbers:
        _check_bound(f"{written} in the pattern", number, MOST_IN_SCHEMA)
    if numbers != sorted(numbers):
        raise OptionError(f"the pattern repeats {written}, at least more often than at most; exchange them.")


def _check_bound(what: str, bound: int, most: int) -> None:
    if not 0 <= bound <= most:
        raise OptionError(f"{what} is not from 0 to {most}: repetitions are written out; lower it or drop it.")


def check(model: LlamaModel, sampling: Sampling) -> None:
    """Raise OptionError unless llama.cpp can sample so; a model of the vocabulary alone will do."""
    from cpullm.engine.sampler import Sampler

    if sampling.grammar is not None:
        _check_size(sampling.grammar)
    Sampler(model, sampling).close()


def _check_size(grammar: str) -> None:
    n_bytes = len(grammar.encode())
    if n_bytes > MOST_BYTES:
        raise OptionError(
            f"the grammar has {n_bytes} bytes, and {MOST_BYTES} are the most; allow fewer values, in a schema "
            "with less nesting, maxItems and maxLength."
        )
    depth = written_out = size = 0
    for token in _TOKEN.findall(grammar):
        if token == "(":
            depth += 1
            if depth > MOST_NESTED:
                raise OptionError(f"the grammar nests more than {MOST_NESTED} parentheses; name parts as rules.")
        elif token.startswith("{"):
            size *= _times(token)
            written_out += size
        elif token == ")":
            depth -= 1
            size = 1
        elif not token.startswith("#"):
            size = len(token) if token[0] in '"[' else 1
    if written_out > MOST_WRITTEN_OUT:
        raise OptionError(
            f"the grammar's repetitions, written out, have {written_out} characters, and {MOST_WRITTEN_OUT} are the "
            "most; lower them."
        )


def _times(repetition: str) -> int:
    """How often at most a repetition has what it repeats written out."""
    found = _REPETITION.fullmatch(repetition)
    if found is None:
        raise OptionError(f"the grammar's repetition {repetition[:20]!r} is none; write {{2}}, {{2,}} or {{2,5}}.")
    repetition = "".join(repetition.split())
    low = int(found[1])
    high = int(found[2] or low)
    if high < low:
        raise OptionError(f"the grammar repeats {repetition}, at least more often than at most; exchange the numbers.")
    if high > MOST_REPEATED:
        raise OptionError(f"the grammar repeats {repetition}, and {MOST_REPEATED} times is the most; lower it.")
    return max(1, high)
