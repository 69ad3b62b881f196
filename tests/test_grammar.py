"""Grammars and schemas: what would end the process or take its memory is refused, and values are what they are."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cpullm.engine import grammar
from cpullm.engine.bindings import c
from cpullm.engine.llama import LlamaModel
from cpullm.engine.sampler import Sampler
from cpullm.errors import OptionError
from cpullm.job import Sampling

pytestmark = pytest.mark.model

VALUES = [
    "plain",
    "\N{CRAB} and a",
    'he said "no"',
    "back\\slash \\n",
    "two\nlines\r\n",
    "tab\t\b\f\x01\x7f",
    "Ünï \u2028",
    '"{5,2}" | [a-z]* ((( # <x>',
    {"k\N{CRAB}": ['"', None, 1.5]},
]


@pytest.fixture(scope="module")
def vocabulary(starter: Path) -> Iterator[LlamaModel]:
    with LlamaModel(starter, vocab_only=True) as model:
        yield model


def _fits(model: LlamaModel, rules: str, text: str) -> bool:
    """Whether the grammar takes a text, token by token, and lets it end there."""
    grammar.check(model, Sampling(grammar=rules))
    sampler = Sampler(model, Sampling(grammar=rules))
    try:
        for token in model.tokenize(text, special=False):
            if not sampler._allows(token):
                return False
            c.llama_sampler_accept(sampler._grammar, token)
        return sampler._allows(sampler._end)
    finally:
        sampler.close()


def _refused(model: LlamaModel, rules: str) -> str:
    started = time.monotonic()
    with pytest.raises(OptionError) as raised:
        grammar.check(model, Sampling(grammar=rules))
    assert time.monotonic() - started < 5
    assert "\n" not in str(raised.value)
    return str(raised.value)


class TestValues:
    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_an_answer_can_be_exactly_a_value_of_an_enum(self, vocabulary: LlamaModel, value: Any) -> None:
        rules = grammar.from_schema({"enum": ["other", value]})
        assert _fits(vocabulary, rules, json.dumps(value, ensure_ascii=False))
        assert not _fits(vocabulary, rules, json.dumps("no value", ensure_ascii=False))

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_an_answer_can_be_exactly_a_constant(self, vocabulary: LlamaModel, value: Any) -> None:
        assert _fits(vocabulary, grammar.from_schema({"const": value}), json.dumps(value, ensure_ascii=False))

    @pytest.mark.parametrize("name", VALUES[:-1])
    def test_a_property_has_exactly_its_name(self, vocabulary: LlamaModel, name: str) -> None:
        schema = {"type": "object", "properties": {name: {"type": "boolean"}}, "required": [name]}
        rules = grammar.from_schema(schema)
        assert _fits(vocabulary, rules, json.dumps({name: True}, ensure_ascii=False))

    def test_a_property_without_a_name_is_refused(self) -> None:
        with pytest.raises(OptionError, match="named ''"):
            grammar.from_schema({"type": "object", "properties": {"": {"const": 1}}})

    def test_half_a_character_is_refused(self) -> None:
        with pytest.raises(OptionError, match="half a character"):
            grammar.from_schema({"enum": ["\ud83d", "b"]})


class TestSchemaBounds:
    @pytest.mark.parametrize("name", ["minItems", "maxItems", "minLength", "maxLength"])
    def test_a_bound_up_to_the_limit_is_taken_and_one_above_is_refused(self, vocabulary: LlamaModel, name: str) -> None:
        kind = {"type": "array", "items": {"type": "integer"}} if "Items" in name else {"type": "string"}
        most = grammar.MOST_IN_SCHEMA
        grammar.check(vocabulary, Sampling(grammar=grammar.from_schema({**kind, name: most})))
        with pytest.raises(OptionError, match=rf"{name} {most + 1} is not from 0 to {most}: .* lower it"):
            grammar.from_schema({**kind, name: most + 1})

    def test_a_bound_deep_inside_is_found_before_it_takes_all_memory(self) -> None:
        inner = {"type": "array", "items": {"enum": ["a"]}, "minItems": 10**12}
        with pytest.raises(OptionError, match="minItems 1000000000000 is not from 0"):
            grammar.from_schema({"type": "object", "properties": {"a": {"anyOf": [inner]}}})

    def test_a_minimum_above_the_maximum_is_refused(self) -> None:
        with pytest.raises(OptionError, match="minLength 5 is above maxLength 2"):
            grammar.from_schema({"type": "string", "minLength": 5, "maxLength": 2})

    @pytest.mark.parametrize("quantifier", ["{1000000000}", "{0,1_000_000_000}", "{5,2}", "{٥٠٠٠٠٠}"])
    def test_a_pattern_that_repeats_too_often_is_refused(self, quantifier: str) -> None:
        with pytest.raises(OptionError, match="the pattern"):
            grammar.from_schema({"type": "string", "pattern": f"^a{quantifier}$"})

    def test_a_pattern_with_small_quantifiers_is_taken(self, vocabulary: LlamaModel) -> None:
        rules = grammar.from_schema({"type": "string", "pattern": "^[a-z]{2,4}-x{3}$"})
        assert _fits(vocabulary, rules, '"abc-xxx"')
        assert not _fits(vocabulary, rules, '"abcde-xxx"')

    def test_a_schema_nested_without_end_is_refused_in_one_line(self) -> None:
        schema: dict[str, Any] = {"type": "integer"}
        for _ in range(5000):
            schema = {"type": "array", "items": schema}
        with pytest.raises(OptionError, match="nested too deep"):
            grammar.from_schema(schema)


class TestSize:
    @pytest.mark.parametrize(
        ("rules", "said"),
        [
            ('root ::= "a"{5,2}', r"repeats {5,2}, at least more often"),
            ('root ::= "a"{ 5 ,\n 2 }', r"repeats {5,2}, at least more often"),
            ('root ::= "a"{2001}', "2000 times is the most"),
            ('root ::= "a"{0,2001}', "2000 times is the most"),
            ('root ::= "a"{5,#\n2}', "is none; write"),
            ('root ::= "a"{' + "9" * 5000 + "}", "is none; write"),
            ("root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000, "nests more than 1000 parentheses"),
            ('root ::= "' + "a" * 1000 + '"{2000}', "written out, have 2004000 characters"),
            ('root ::= "a"{2000}{2000}', "written out, have"),
            ("root ::= " + " | ".join(f'"{i}"' for i in range(30_000)), "bytes, and 200000 are the most"),
            ('root ::= root "a"', "left recursion"),
            ("root ::= " + '{"' * 90_000, "is none; write"),
        ],
    )
    def test_what_llama_cpp_would_not_survive_is_refused_in_one_line(
        self, vocabulary: LlamaModel, rules: str, said: str
    ) -> None:
        assert said.replace("\\", "") in _refused(vocabulary, rules)

    @pytest.mark.parametrize("unclosed", ["<", '"\\', "[", "[\\"])
    def test_what_is_never_closed_is_soon_refused(self, vocabulary: LlamaModel, unclosed: str) -> None:
        assert "no GBNF" in _refused(vocabulary, "root ::= " + unclosed * 20_000)

    def test_brackets_in_texts_classes_and_comments_are_none(self, vocabulary: LlamaModel) -> None:
        rules = 'root ::= "({5,2}\\"(" [({\\]"(]{2} # ({5,2}\n'
        assert _fits(vocabulary, rules, '({5,2}"("(')
        many = "root ::= " + '"((" ' * 1500
        grammar.check(vocabulary, Sampling(grammar=many))

    def test_nesting_and_repetition_up_to_the_limits_are_taken(self, vocabulary: LlamaModel) -> None:
        n = grammar.MOST_NESTED
        grammar.check(vocabulary, Sampling(grammar="root ::= " + "(" * n + '"a"' + ")" * n))
        assert _fits(vocabulary, 'root ::= "ab"{2,5} [0-9]{2} "c"{1,}', "ababab12cc")
        grammar.check(vocabulary, Sampling(grammar=f'root ::= "a"{{0,{grammar.MOST_REPEATED}}}'))
