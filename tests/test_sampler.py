"""How a token is chosen: penalties, draws and grammars, with the starter model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cpullm.engine import grammar, sampler
from cpullm.engine.bindings import c
from cpullm.engine.engine import Engine
from cpullm.engine.llama import LlamaModel, LlamaRunner
from cpullm.engine.sampler import DRY_LAST_N, PENALTY_LAST_N, Sampler
from cpullm.engine.sequence import Sequence
from cpullm.errors import OptionError
from cpullm.job import EngineOptions, Sampling, Setting
from cpullm.records import FinishReason

pytestmark = pytest.mark.model

GREEDY = Sampling()
HEAD, TAIL = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
QUESTIONS = ["What is the capital of France?", "Count to five.", "Name the colours of the rainbow."]
YES_NO = Sampling(grammar='root ::= "yes" | "no"')
PENALIZED = [
    Sampling(repeat_penalty=1.1),
    Sampling(repeat_penalty=2.0),
    Sampling(repeat_penalty=1.0, dry_multiplier=0.8),
    Sampling(repeat_penalty=1.3, dry_multiplier=2.0),
]


@pytest.fixture(scope="module")
def model(starter: Path) -> Iterator[LlamaModel]:
    with LlamaModel(starter) as model:
        yield model


def _answers(
    model: LlamaModel, asked: list[tuple[str, Sampling]], *, n_seq_max: int = 4, max_tokens: int = 24
) -> list[Sequence]:
    sequences = []
    for question, sampling in asked:
        prompt = [token for part in model.tokenize_prompt(HEAD, question, TAIL) for token in part]
        sequences.append(Sequence(prompt, max_tokens, sampling, loops=None))
    runner = LlamaRunner(model, EngineOptions(str(model.path), "", 256, Setting(2, n_seq_max, 128)), 2)
    try:
        list(Engine(runner).generate(sequences))
    finally:
        runner.close()
    return sequences


def _tokens(model: LlamaModel, question: str, sampling: Sampling, max_tokens: int = 24) -> list[int]:
    (sequence,) = _answers(model, [(question, sampling)], n_seq_max=1, max_tokens=max_tokens)
    return sequence.tokens


def _plain_chain(model: LlamaModel, sampling: Sampling) -> Any:
    """Penalties over the whole vocabulary, then the likeliest token: no shorter list first."""
    chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
    for penalty in sampler._penalties(model, sampling):
        c.llama_sampler_chain_add(chain, penalty)
    c.llama_sampler_chain_add(chain, c.llama_sampler_init_greedy())
    return chain


def _chosen(model: LlamaModel, sampling: Sampling, past: list[int], logits: Any) -> int:
    sampled = Sampler(model, sampling)
    try:
        for token in past:
            c.llama_sampler_accept(sampled._chain, token)
        return sampled._choose(sampler._candidates(logits))
    finally:
        sampled.close()


class TestGreedy:
    @pytest.mark.parametrize("sampling", PENALIZED, ids=str)
    def test_the_shorter_list_before_penalties_changes_no_token(
        self, model: LlamaModel, monkeypatch: pytest.MonkeyPatch, sampling: Sampling
    ) -> None:
        question = "Repeat: one two three one two three one two three."
        short = _tokens(model, question, sampling, max_tokens=60)
        monkeypatch.setattr(sampler, "_chain", _plain_chain)
        assert _tokens(model, question, sampling, max_tokens=60) == short

    def test_a_token_behind_all_that_were_said_is_found(self, model: LlamaModel) -> None:
        """The worst case for a shorter list: every token of the penalty's memory stands before the right one."""
        logits = np.linspace(5.0, -5.0, model.n_vocab, dtype=np.float32)
        said = list(range(PENALTY_LAST_N))
        assert _chosen(model, Sampling(repeat_penalty=2.0), said, logits) == PENALTY_LAST_N

    def test_dry_looks_back_farther_than_the_penalty(self, model: LlamaModel) -> None:
        """Two words, then one of many, over and over: after the two all those many are less likely at once."""
        words = [token for token in range(1000, 9000) if model.detokenize([token]).isalpha()]  # DRY breaks at signs
        (one, two, fresh), many = words[:3], words[3 : DRY_LAST_N // 3]
        assert len(many) > 2 * PENALTY_LAST_N
        logits = np.full(model.n_vocab, -20.0, np.float32)
        logits[many] = 10.0 - np.arange(len(many)) / len(many)
        logits[fresh] = 8.5
        past = [token for word in many for token in (one, two, word)]
        sampling = Sampling(repeat_penalty=1.0, dry_multiplier=5.0)
        assert _chosen(model, sampling, [*past, one, two], logits) == fresh

    def test_without_penalties_the_likeliest_token_is_taken(self, model: LlamaModel) -> None:
        logits = np.zeros(model.n_vocab, np.float32)
        logits[777] = 1.0
        assert _chosen(model, Sampling(repeat_penalty=1.0), [777] * 10, logits) == 777


class TestDry:
    def test_it_ends_a_run_that_repeats(self, model: LlamaModel) -> None:
        question = "Write the word tick fifty times."
        plain = Sampling(repeat_penalty=1.0)
        looping = _tokens(model, question, plain, max_tokens=60)
        varied = _tokens(model, question, replace(plain, dry_multiplier=2.0), max_tokens=60)
        assert _longest_repeat(varied) < _longest_repeat(looping)


def _longest_repeat(tokens: list[int]) -> int:
    """The longest run of tokens that stands in the answer twice."""
    text = [tuple(tokens[i:j]) for i in range(len(tokens)) for j in range(i + 1, len(tokens) + 1)]
    return max((len(run) for run in text if text.count(run) > 1), default=0)


class TestDraw:
    HOT = Sampling(temperature=2.0, top_p=1.0, repeat_penalty=1.0)

    def test_min_p_of_1_leaves_only_the_likeliest(self, model: LlamaModel) -> None:
        cold = Sampling(repeat_penalty=1.0)
        assert _tokens(model, QUESTIONS[0], replace(self.HOT, min_p=1.0)) == _tokens(model, QUESTIONS[0], cold)

    def test_min_p_keeps_tokens_far_less_likely_out_of_the_draw(self, model: LlamaModel) -> None:
        logits = np.zeros(model.n_vocab, np.float32)
        logits[[10, 11]] = 6.0  # alone 1 in 60 draws, if all the others may be drawn
        drawn = {_chosen(model, replace(self.HOT, min_p=0.5, seed=seed), [], logits) for seed in range(40)}
        assert drawn == {10, 11}

    def test_another_seed_draws_another_answer(self, model: LlamaModel) -> None:
        first, other, again = (_tokens(model, QUESTIONS[0], replace(self.HOT, seed=seed)) for seed in (1, 2, 1))
        assert first == again != other


class TestGrammar:
    def test_an_answer_with_a_grammar_follows_it_and_leaves_its_neighbours_as_they_are_alone(
        self, model: LlamaModel
    ) -> None:
        asked = [(QUESTIONS[0], GREEDY), ("Is water wet?", YES_NO), (QUESTIONS[2], GREEDY)]
        first, strict, last = _answers(model, asked)
        assert model.detokenize(strict.tokens) in ("yes", "no")
        assert strict.finish_reason is FinishReason.STOP
        assert [first.tokens, last.tokens] == [_tokens(model, question, GREEDY) for question, _ in asked[::2]]

    def test_a_grammar_says_the_same_beside_others_as_alone(self, model: LlamaModel) -> None:
        digits = Sampling(grammar='root ::= [0-9] ", " [0-9] ", " [0-9]')
        _, beside = _answers(model, [(QUESTIONS[0], GREEDY), (QUESTIONS[1], digits)])
        assert beside.tokens == _tokens(model, QUESTIONS[1], digits)

    def test_a_grammar_holds_for_drawn_answers_too(self, model: LlamaModel) -> None:
        hot = replace(YES_NO, temperature=2.0, top_p=1.0, repeat_penalty=1.0)
        said = _answers(model, [("Is water wet?", replace(hot, seed=seed)) for seed in range(8)])
        assert {model.detokenize(sequence.tokens) for sequence in said} == {"yes", "no"}

    def test_an_answer_to_a_schema_is_json_that_fits_it(self, model: LlamaModel) -> None:
        schema = {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}, "sure": {"type": "boolean"}},
            "required": ["city", "sure"],
        }
        sampling = Sampling(grammar=grammar.from_schema(schema))
        (sequence,) = _answers(model, [(QUESTIONS[0], sampling)], n_seq_max=1, max_tokens=120)
        answer = json.loads(model.detokenize(sequence.tokens))
        assert sequence.finish_reason is FinishReason.STOP
        assert set(answer) == {"city", "sure"}
        assert len(answer["city"]) <= 12 and isinstance(answer["sure"], bool)

    @pytest.mark.parametrize("rules", ["nothing", "root ::= gone", 'root ::= "a'])
    def test_a_grammar_that_cannot_be_read_is_refused_in_one_line(self, model: LlamaModel, rules: str) -> None:
        with pytest.raises(OptionError, match="grammar is no GBNF") as raised:
            grammar.check(model, Sampling(grammar=rules))
        assert "\n" not in str(raised.value)
