"""Plan: what is asked fits, is packed evenly and is known by its content."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import groupby
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpullm.errors import OptionError
from cpullm.job import EngineOptions, Job, Sampling, Setting, Way
from cpullm.options import Options
from cpullm.plan import DECODE_COST, JOINT_TOKENS, Budget, budget, cost, pack, pack_texts, request_id, texts
from cpullm.predict import makespan
from cpullm.records import Prompt, Request

PROMPT = Prompt("<user>", "<assistant>")
SAMPLING = Sampling()
ENGINE = EngineOptions("m.gguf", "model", 256)


def _request(number: int, prompt_tokens: int, max_tokens: int, text: str | None = None, head: str = "") -> Request:
    """About a text of its own, if none is given."""
    text = f"text {number}" if text is None else text
    return Request(f"{number:04}", 0, "summarize", head, text, "", prompt_tokens, max_tokens)


def _requests() -> st.SearchStrategy[list[Request]]:
    """One to many about each of a few texts, which stand behind one of two heads."""
    sizes = st.tuples(st.integers(1, 4000), st.integers(8, 500), st.integers(0, 15), st.sampled_from("ab"))
    return st.lists(sizes, max_size=40).map(
        lambda rows: [_request(i, n, m, f"text {text}", head) for i, (n, m, text, head) in enumerate(rows)]
    )


def _begins(request: Request) -> tuple[str, str]:
    return request.head, request.text


def _families(packed: list[Request]) -> list[list[Request]]:
    """Neighbours in a group that begin alike."""
    runs = groupby(packed, key=lambda request: (request.group_id, _begins(request)))
    return [list(family) for _, family in runs]


def _loads(packed: list[Request]) -> list[int]:
    loads: Counter[int] = Counter()
    for family in _families(packed):
        loads[family[0].group_id] += cost(family)
    return [loads[group_id] for group_id in sorted(loads)]


class TestBudget:
    @given(
        st.integers(256, 40_000),
        st.integers(0, 300),
        st.integers(8, 4096),
        st.none() | st.integers(64, 20_000),
        st.none() | st.integers(64, 4096),
    )
    def test_prompt_and_answer_fit_the_models_context(
        self, n_ctx_train: int, overhead: int, max_tokens: int, wanted: int | None, catalogs: int | None
    ) -> None:
        try:
            shares = budget(
                Options(max_tokens=max_tokens, window_tokens=wanted), n_ctx_train, overhead, window_tokens=catalogs
            )
        except OptionError:
            return
        assert shares.overhead_tokens + shares.text_tokens + shares.max_tokens <= shares.n_ctx <= n_ctx_train

    @given(st.integers(256, 40_000), st.integers(0, 300), st.integers(8, 4096))
    def test_two_answers_fit_one_merge(self, n_ctx_train: int, overhead: int, max_tokens: int) -> None:
        try:
            shares = budget(Options(max_tokens=max_tokens), n_ctx_train, overhead, None)
        except OptionError:
            return
        assert shares.text_tokens >= 2 * max_tokens + 4

    def test_the_users_window_comes_before_the_catalogs(self) -> None:
        assert budget(Options(window_tokens=700), 8192, 50, 1024).text_tokens == 700
        assert budget(Options(), 8192, 50, 1024).text_tokens == 1024

    def test_the_catalogs_window_is_cut_to_the_context(self) -> None:
        assert budget(Options(max_tokens=100), 1024, 50, 4000).text_tokens == 1024 - 50 - 100

    @pytest.mark.parametrize(
        ("options", "n_ctx_train", "advice"),
        [
            (Options(max_tokens=4096), 8192, "Lower max_tokens"),
            (Options(), 200, "take another model"),
            (Options(window_tokens=9000), 8192, "window_tokens 9000"),
            (Options(window_tokens=100), 8192, "Raise window_tokens"),
        ],
    )
    def test_what_cannot_fit_is_refused_in_one_line_with_advice(
        self, options: Options, n_ctx_train: int, advice: str
    ) -> None:
        with pytest.raises(OptionError, match=advice) as raised:
            budget(options, n_ctx_train, 50, None)
        assert "\n" not in str(raised.value)

    def test_n_ctx_is_rounded_up_to_llama_cpps_step(self) -> None:
        assert Budget(10, 400, 102, 0).n_ctx == 512
        assert Budget(10, 400, 103, 0).n_ctx == 768


def _id(
    engine: EngineOptions = ENGINE,
    prompt: Prompt = PROMPT,
    sampling: Sampling = SAMPLING,
    max_tokens: int = 8,
    text: str = "text",
    *,
    way: Way = Way.PLAIN,
    n_words: int = 0,
) -> str:
    job = Job(engine, {"summarize": sampling}, ways={"summarize": way})
    return request_id(job, "summarize", prompt, max_tokens, text, n_words)


class TestRequestId:
    @pytest.mark.parametrize(
        "changed",
        [
            (replace(ENGINE, model_sha256="other"), PROMPT, SAMPLING, 8, "text"),
            (replace(ENGINE, setting=Setting(flash_attn=True)), PROMPT, SAMPLING, 8, "text"),
            (replace(ENGINE, setting=Setting(repack=False)), PROMPT, SAMPLING, 8, "text"),
            (ENGINE, replace(PROMPT, head="<user>\n"), SAMPLING, 8, "text"),
            (ENGINE, replace(PROMPT, tail=""), SAMPLING, 8, "text"),
            (ENGINE, PROMPT, replace(SAMPLING, temperature=0.5), 8, "text"),
            (ENGINE, PROMPT, replace(SAMPLING, top_p=0.5), 8, "text"),
            (ENGINE, PROMPT, replace(SAMPLING, repeat_penalty=1.0), 8, "text"),
            (ENGINE, PROMPT, replace(SAMPLING, seed=1), 8, "text"),
            (ENGINE, PROMPT, SAMPLING, 9, "text"),
            (ENGINE, PROMPT, SAMPLING, 8, "text "),
        ],
        ids=[
            "model",
            "attention",
            "repack",
            "head",
            "tail",
            "temperature",
            "top_p",
            "repeat_penalty",
            "seed",
            "max_tokens",
            "text",
        ],
    )
    def test_changes_with_each_ingredient(self, changed: tuple[EngineOptions, Prompt, Sampling, int, str]) -> None:
        assert _id(*changed) != _id()

    @pytest.mark.parametrize("way", [way for way in Way if way is not Way.PLAIN])
    def test_changes_with_how_the_answer_comes_about_and_its_length(self, way: Way) -> None:
        assert _id(way=way) != _id() and _id(way=way, n_words=40) != _id(way=way)

    def test_an_extract_without_a_model_rests_on_none(self) -> None:
        other = replace(ENGINE, model_sha256="other")
        assert _id(other, way=Way.LEXRANK) == _id(way=Way.LEXRANK)

    def test_is_the_same_for_the_same_ingredients(self) -> None:
        again = _id(ENGINE, Prompt("<user>", "<assistant>"), replace(SAMPLING), 8, "text")
        assert again == _id()

    def test_rests_neither_on_where_the_model_is_nor_on_how_fast_it_computes(self) -> None:
        other = replace(ENGINE, model="n.gguf", n_ctx=512, setting=Setting(n_threads=1, n_seq_max=8, n_ubatch=64))
        assert _id(other, PROMPT, SAMPLING, 8, "text") == _id()

    def test_keeps_neighbouring_ingredients_apart(self) -> None:
        ids = {_id(ENGINE, Prompt(*parts), SAMPLING, 8, "") for parts in [("ab", ""), ("a", "b"), ("", "ab")]}
        assert len(ids) == 3

    def test_takes_text_that_is_no_valid_unicode(self) -> None:
        assert len(_id(ENGINE, PROMPT, SAMPLING, 8, "half \ud83d")) == 64


def _sizes_of_many() -> st.SearchStrategy[list[tuple[int, int]]]:
    """Prompt and new tokens of some hundred requests."""
    return st.lists(st.tuples(st.integers(200, 1200), st.integers(8, 160)), min_size=300, max_size=500)


class TestPack:
    @given(_requests(), st.integers(256, 20_000), st.integers(1, 40))
    def test_no_request_is_lost_doubled_or_changed(self, requests: list[Request], group_tokens: int, n: int) -> None:
        packed = pack(requests, group_tokens, n)
        assert sorted((replace(request, group_id=0) for request in packed), key=lambda r: r.id) == requests

    @given(_requests(), st.integers(256, 20_000), st.integers(1, 40))
    def test_groups_are_numbered_neighbours_and_largest_first(
        self, requests: list[Request], group_tokens: int, n: int
    ) -> None:
        packed = pack(requests, group_tokens, n)
        numbers = [request.group_id for request in packed]
        assert numbers == sorted(numbers)
        assert set(numbers) == set(range(max(numbers, default=-1) + 1))
        assert _loads(packed) == sorted(_loads(packed), reverse=True)

    @given(_requests(), st.integers(256, 20_000), st.integers(1, 40))
    def test_requests_of_one_text_are_neighbours_in_one_group(
        self, requests: list[Request], group_tokens: int, n: int
    ) -> None:
        families = _families(pack(requests, group_tokens, n))
        assert len(families) == len({_begins(request) for request in requests})

    @given(_requests().filter(bool), st.integers(1, 12))
    def test_a_small_jobs_groups_are_one_for_each_engine_and_balanced(self, requests: list[Request], n: int) -> None:
        """No group got its last, smallest text while another was emptier; Graham's bound follows from it."""
        packed = pack(requests, 10**9, n)
        loads = _loads(packed)
        assert len(loads) == min(n, len(_families(packed)))
        for group_id, load in enumerate(loads):
            last = min(cost(family) for family in _families(packed) if family[0].group_id == group_id)
            assert load - last <= min(loads)

    @given(_sizes_of_many(), st.integers(2, 12))
    @settings(max_examples=20)
    def test_a_large_jobs_groups_are_whole_and_the_last_ones_ever_smaller(
        self, sizes: list[tuple[int, int]], n: int
    ) -> None:
        requests = [_request(i, *size) for i, size in enumerate(sizes)]
        total, longest = sum(cost([request]) for request in requests), max(cost([request]) for request in requests)
        group_tokens = total // (4 * n)
        loads = _loads(pack(requests, group_tokens, n))
        assert max(loads) <= group_tokens + longest
        assert sum(load > 0.75 * group_tokens for load in loads) >= n
        assert loads[-1] <= 2 * longest

    @given(_sizes_of_many(), st.integers(1, 300))
    @settings(max_examples=20)
    def test_no_engine_has_much_more_than_its_part(self, sizes: list[tuple[int, int]], n: int) -> None:
        requests = [_request(i, *size) for i, size in enumerate(sizes)]
        loads = _loads(pack(requests, 16 * 1700, n))
        longest = max(cost([request]) for request in requests)
        assert makespan(loads, n) <= sum(loads) / n + longest

    @given(_sizes_of_many())
    @settings(max_examples=20)
    def test_one_engines_groups_are_even(self, sizes: list[tuple[int, int]]) -> None:
        requests = [_request(i, *size) for i, size in enumerate(sizes)]
        loads = _loads(pack(requests, 16 * 1700))
        assert max(loads) - min(loads) <= max(cost([request]) for request in requests)

    def test_the_same_text_behind_another_head_shares_nothing(self) -> None:
        requests = [_request(i, 4000, 8, "text", head) for i, head in enumerate("ab")]
        assert [request.group_id for request in pack(requests, 256)] == [0, 1]

    def test_one_text_is_never_torn_apart_however_many_ask_about_it(self) -> None:
        requests = [_request(i, 4000, 400, "text") for i in range(30)]
        assert {request.group_id for request in pack(requests, 256)} == {0}

    @given(st.data(), _requests(), st.integers(256, 20_000), st.integers(1, 40))
    def test_is_the_same_whatever_the_order(
        self, data: st.DataObject, requests: list[Request], size: int, n: int
    ) -> None:
        assert pack(data.draw(st.permutations(requests)), size, n) == pack(requests, size, n)

    def test_identical_requests_are_both_kept(self) -> None:
        assert len(pack([_request(1, 10, 8), _request(1, 10, 8)], 256)) == 2


class TestTexts:
    @given(st.data(), _requests())
    def test_a_groups_order_follows_from_its_requests_alone(self, data: st.DataObject, requests: list[Request]) -> None:
        """Spark does not keep the order of rows; the engine must get one group's requests in one order anywhere."""
        assert texts(data.draw(st.permutations(requests))) == texts(requests)

    @given(_requests(), st.integers(256, 20_000))
    def test_is_the_order_that_groups_are_packed_in(self, requests: list[Request], group_tokens: int) -> None:
        packed = pack(requests, group_tokens)
        for _, group in groupby(packed, key=lambda request: request.group_id):
            asked = list(group)
            assert [request for family in texts(asked) for request in family] == asked


class TestCost:
    def test_a_texts_prefill_counts_once_and_every_answer(self) -> None:
        family = [_request(0, 1000, 100, "text"), _request(1, 990, 50, "text")]
        assert cost(family) == 1000 + DECODE_COST * 150


class TestPackTexts:
    @staticmethod
    def _answers(max_tokens: int) -> st.SearchStrategy[list[tuple[str, int]]]:
        counts = st.lists(st.integers(1, max_tokens), max_size=60)
        return counts.map(lambda ns: [(f"{i}", n) for i, n in enumerate(ns)])

    @given(st.data(), st.integers(8, 400))
    def test_keeps_order_and_loses_nothing(self, data: st.DataObject, max_tokens: int) -> None:
        texts = data.draw(self._answers(max_tokens))
        parts = pack_texts(texts, 2 * max_tokens + 32)
        assert [text for part in parts for text in part] == [text for text, _ in texts]
        assert all(parts)

    @given(st.data(), st.integers(8, 400))
    def test_every_part_fits(self, data: st.DataObject, max_tokens: int) -> None:
        texts = data.draw(self._answers(max_tokens))
        counts = dict(texts)
        for part in pack_texts(texts, 2 * max_tokens + 32):
            assert sum(counts[text] + JOINT_TOKENS for text in part) <= 2 * max_tokens + 32

    @given(st.data(), st.integers(8, 400))
    def test_at_least_halves(self, data: st.DataObject, max_tokens: int) -> None:
        """Else merging would not end."""
        texts = data.draw(self._answers(max_tokens))
        assert len(pack_texts(texts, 2 * max_tokens + 32)) <= ceil(len(texts) / 2)

    def test_parts_are_even(self) -> None:
        parts = pack_texts([(f"{i}", 10) for i in range(12)], 100)
        assert [len(part) for part in parts] == [6, 6]
