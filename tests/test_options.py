"""Options: one default and one range each, and no name or value passes that cannot work."""

from __future__ import annotations

from dataclasses import Field, FrozenInstanceError, fields
from typing import Any

import pytest

from cpullm.errors import OptionError
from cpullm.job import Sampling, Setting
from cpullm.options import KV_TYPES, Options

ALL = [pytest.param(option, id=option.name) for option in fields(Options)]
NUMBERS = [pytest.param(option, id=option.name) for option in fields(Options) if "low" in option.metadata]
FLAGS = [pytest.param(option, id=option.name) for option in fields(Options) if "bool" in str(option.type)]


def _is_float(option: Field[Any]) -> bool:
    return "float" in str(option.type)


def test_every_option_is_a_number_with_a_range_a_flag_or_a_choice() -> None:
    others = {option.name for option in fields(Options)} - {param.id for param in (*NUMBERS, *FLAGS)}
    assert (
        others
        == {option.name for option in fields(Options) if "choices" in option.metadata}
        == {"strategy", "levels", "kv_type"}
    )


@pytest.mark.parametrize("option", NUMBERS)
def test_default_lies_in_its_own_range(option: Field[Any]) -> None:
    low, high = option.metadata["low"], option.metadata["high"]
    assert option.default is None or low <= option.default <= high


@pytest.mark.parametrize("option", ALL)
def test_every_option_has_a_help_text(option: Field[Any]) -> None:
    assert option.metadata["help"]


@pytest.mark.parametrize("option", NUMBERS)
@pytest.mark.parametrize("end", ["low", "high"])
def test_both_ends_of_the_range_are_allowed(option: Field[Any], end: str) -> None:
    value = option.metadata[end]
    assert getattr(Options(**{option.name: value}), option.name) == value


@pytest.mark.parametrize("option", NUMBERS)
@pytest.mark.parametrize("step", [-1, 1])
def test_value_outside_the_range_is_refused_with_the_range(option: Field[Any], step: int) -> None:
    low, high = option.metadata["low"], option.metadata["high"]
    with pytest.raises(OptionError, match=rf"{option.name} must be from {low} to {high}, got "):
        Options(**{option.name: low - 1 if step < 0 else high + 1})


@pytest.mark.parametrize("option", NUMBERS)
@pytest.mark.parametrize("value", ["8", True, [1], float("nan")])
def test_value_of_another_kind_is_refused(option: Field[Any], value: object) -> None:
    with pytest.raises(OptionError, match=option.name):
        Options(**{option.name: value})


@pytest.mark.parametrize("option", [param for param in NUMBERS if not _is_float(param.values[0])])
def test_fraction_is_refused_where_a_whole_number_is_due(option: Field[Any]) -> None:
    with pytest.raises(OptionError, match="whole number"):
        Options(**{option.name: option.metadata["low"] + 0.5})


@pytest.mark.parametrize("option", NUMBERS)
def test_none_is_allowed_only_where_it_is_the_default(option: Field[Any]) -> None:
    if option.default is None:
        assert getattr(Options(**{option.name: None}), option.name) is None
    else:
        with pytest.raises(OptionError, match=f"{option.name} must have a value"):
            Options(**{option.name: None})


@pytest.mark.parametrize("option", FLAGS)
@pytest.mark.parametrize("value", ["yes", 2, [True], float("nan")])
def test_a_flag_that_is_neither_true_nor_false_is_refused(option: Field[Any], value: object) -> None:
    with pytest.raises(OptionError, match=f"{option.name} must be True or False, got "):
        Options(**{option.name: value})


@pytest.mark.parametrize("option", FLAGS)
@pytest.mark.parametrize("value", [0, 1])
def test_a_number_given_for_a_flag_is_refused(option: Field[Any], value: int) -> None:
    with pytest.raises(OptionError, match=f"{option.name} must be True or False, got {value}"):
        Options(**{option.name: value})


def test_a_flag_without_a_derived_value_must_have_one() -> None:
    assert Options(flash_attn=None).flash_attn is None
    with pytest.raises(OptionError, match="tuned must be True or False, got None"):
        Options(tuned=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["F16", "q4_0", "", 8])
def test_a_choice_there_is_not_is_refused_with_those_there_are(value: object) -> None:
    with pytest.raises(OptionError, match="kv_type must be one of f16, q8_0, got "):
        Options(kv_type=value)  # type: ignore[arg-type]


class TestSetting:
    TUNED = Setting(n_seq_max=8, n_ubatch=512, kv_type="q8_0", flash_attn=True, repack=False)

    def test_what_was_given_comes_before_what_was_tuned(self) -> None:
        setting = Options(n_seq_max=2, repack=True).setting(self.TUNED)
        assert setting == Setting(n_seq_max=2, n_ubatch=512, kv_type="q8_0", flash_attn=True, repack=True)

    def test_what_was_not_given_is_as_tuned(self) -> None:
        assert Options().setting(self.TUNED) == self.TUNED

    @pytest.mark.parametrize("kv_type", [kv_type for kv_type in KV_TYPES if kv_type != "f16"])
    def test_a_kv_type_that_needs_flash_attention_turns_it_on(self, kv_type: str) -> None:
        assert Options(kv_type=kv_type).setting(Setting()).flash_attn

    def test_without_flash_attention_a_tuned_kv_type_that_needs_it_is_left(self) -> None:
        assert Options(flash_attn=False).setting(self.TUNED).kv_type == "f16"

    def test_a_kv_type_beside_no_flash_attention_is_refused(self) -> None:
        with pytest.raises(OptionError, match="kv_type q8_0 needs flash_attn"):
            Options(kv_type="q8_0", flash_attn=False).setting(Setting())


class TestSampling:
    def test_what_was_given_comes_before_the_defaults(self) -> None:
        sampling = Options(min_p=0.1, seed=3).sampling({"min_p": 0.5, "dry_multiplier": 0.8})
        assert sampling == Sampling(min_p=0.1, dry_multiplier=0.8, seed=3)

    @pytest.mark.parametrize("grammar", ["", " \n", 7])
    def test_an_empty_grammar_is_refused(self, grammar: Any) -> None:
        with pytest.raises(OptionError, match="grammar must be GBNF"):
            Sampling(grammar=grammar)

    def test_a_given_0_comes_before_the_defaults_too(self) -> None:
        assert Options(temperature=0).sampling({"temperature": 0.7}).temperature == 0.0


def test_whole_number_given_for_a_float_means_the_same() -> None:
    assert repr(Options(temperature=0)) == repr(Options(temperature=0.0))


def test_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(OptionError, match=r"no option is called 'max_token'; there are strategy, "):
        Options.of({"max_token": 64})


def test_options_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Options().max_tokens = 8  # type: ignore[misc]
