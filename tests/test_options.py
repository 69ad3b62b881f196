"""Options: one default and one range each, and no name or value passes that cannot work."""

from __future__ import annotations

from dataclasses import Field, FrozenInstanceError, fields
from typing import Any

import pytest

from cpullm.errors import OptionError
from cpullm.options import Options

ALL = [pytest.param(option, id=option.name) for option in fields(Options)]


def _is_float(option: Field[Any]) -> bool:
    return "float" in str(option.type)


@pytest.mark.parametrize("option", ALL)
def test_default_lies_in_its_own_range(option: Field[Any]) -> None:
    low, high = option.metadata["low"], option.metadata["high"]
    assert option.default is None or low <= option.default <= high


@pytest.mark.parametrize("option", ALL)
def test_every_option_has_a_help_text(option: Field[Any]) -> None:
    assert option.metadata["help"]


@pytest.mark.parametrize("option", ALL)
@pytest.mark.parametrize("end", ["low", "high"])
def test_both_ends_of_the_range_are_allowed(option: Field[Any], end: str) -> None:
    value = option.metadata[end]
    values = {option.name: value}
    if (option.name == "n_ubatch" and end == "high") or option.name == "n_seq_max":
        values["n_batch"] = 65_536
    if option.name == "n_batch" and end == "low":
        values["n_ubatch"] = value
    assert getattr(Options(**values), option.name) == value


@pytest.mark.parametrize("option", ALL)
@pytest.mark.parametrize("step", [-1, 1])
def test_value_outside_the_range_is_refused_with_the_range(option: Field[Any], step: int) -> None:
    low, high = option.metadata["low"], option.metadata["high"]
    with pytest.raises(OptionError, match=rf"{option.name} must be from {low} to {high}, got "):
        Options(**{option.name: low - 1 if step < 0 else high + 1})


@pytest.mark.parametrize("option", ALL)
@pytest.mark.parametrize("value", ["8", True, [1], float("nan")])
def test_value_of_another_kind_is_refused(option: Field[Any], value: object) -> None:
    with pytest.raises(OptionError, match=option.name):
        Options(**{option.name: value})


@pytest.mark.parametrize("option", ALL)
def test_fraction_is_refused_where_a_whole_number_is_due(option: Field[Any]) -> None:
    if not _is_float(option):
        with pytest.raises(OptionError, match="whole number"):
            Options(**{option.name: option.metadata["low"] + 0.5})


@pytest.mark.parametrize("option", ALL)
def test_none_is_allowed_only_where_it_is_the_default(option: Field[Any]) -> None:
    if option.default is None:
        assert getattr(Options(**{option.name: None}), option.name) is None
    else:
        with pytest.raises(OptionError, match=f"{option.name} must have a value"):
            Options(**{option.name: None})


def test_n_ubatch_above_n_batch_is_refused() -> None:
    with pytest.raises(OptionError, match=r"n_ubatch \(256\) must not be above n_batch \(128\)"):
        Options(n_batch=128)


def test_more_sequences_than_rows_of_a_batch_are_refused() -> None:
    with pytest.raises(OptionError, match="n_seq_max"):
        Options(n_seq_max=64, n_batch=32, n_ubatch=32)


def test_whole_number_given_for_a_float_means_the_same() -> None:
    assert repr(Options(temperature=0)) == repr(Options(temperature=0.0))


def test_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(OptionError, match=r"no option is called 'max_token'; there are max_tokens, "):
        Options.of({"max_token": 64})


def test_options_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Options().max_tokens = 8  # type: ignore[misc]
