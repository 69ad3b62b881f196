"""Vectors of texts: by an embedding model, and by a language model's states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cpullm import columns, embedding, memory, worker
from cpullm.engine.embedding import Embedder, is_embedding
from cpullm.engine.llama import LlamaModel
from cpullm.errors import EngineError, ModelError
from cpullm.job import EngineOptions, Job, Sampling
from cpullm.options import Options
from cpullm.preparing import Chosen
from tests import bert

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest.importorskip("gguf")

TEXT = "The mill burned down on Monday."
TEXTS = [TEXT, "Nobody was hurt.", "Nobody was down.", "The miller wept.", "a", "The mill, the miller, the mill, hurt."]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert.write(tmp_path_factory.mktemp("bert") / "tiny.gguf")


@pytest.fixture(autouse=True)
def _nothing_held() -> Iterator[None]:
    yield
    embedding.close()
    worker.close()


def _embedder(model: LlamaModel, n_ctx: int) -> Embedder:
    return Embedder(model, EngineOptions(str(model.path), "", n_ctx, embeds=True), 2)


def _tokens(model: LlamaModel, texts: list[str]) -> list[list[int]]:
    return [model.tokenize(text, special=False, ends=True) for text in texts]


def _vectors(path: Path, texts: list[str | None], **options: int) -> list[embedding.Vector]:
    chosen = Chosen.of(path, Options.of(options))
    with chosen.vocabulary() as vocabulary:
        asked = embedding.setup(chosen, Options.of(options), vocabulary)
    return embedding.vectors(asked, texts)


class TestEmbeddingModel:
    def test_a_text_has_the_same_vector_whatever_is_beside_it(self, tiny: Path) -> None:
        with LlamaModel(tiny) as model:
            embedder, tokens = _embedder(model, 64), _tokens(model, TEXTS)
            together = embedder.embed(tokens)
            alone = np.concatenate([embedder.embed([one]) for one in tokens])
        assert np.array_equal(together, alone)
        assert together.shape == (len(TEXTS), bert.N_EMBD) and together.dtype == np.float32
        assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)

    def test_tokens_become_a_vector_as_the_file_says(self, tiny: Path, tmp_path: Path) -> None:
        found = []
        for path in (tiny, bert.write(tmp_path / "cls.gguf", "CLS"), bert.write(tmp_path / "last.gguf", "LAST")):
            with LlamaModel(path) as model:
                assert is_embedding(model)
                found.append(_embedder(model, 64).embed(_tokens(model, [TEXT]))[0])
        assert not any(np.allclose(one, other, atol=1e-3) for one, other in pairwise(found))

    def test_the_first_and_last_token_are_the_models(self, tiny: Path) -> None:
        with LlamaModel(tiny, vocab_only=True) as model:
            (tokens,) = _tokens(model, ["The mill [SEP]"])
        assert (tokens[0], tokens[-1]) == (2, 3) and 3 not in tokens[1:-1]

    def test_a_reranker_is_refused(self, tmp_path: Path) -> None:
        with (
            LlamaModel(bert.write(tmp_path / "rank.gguf", "RANK")) as model,
            pytest.raises(ModelError, match="scores of pairs"),
        ):
            _embedder(model, 64)

    def test_what_has_no_room_is_refused(self, tiny: Path) -> None:
        with LlamaModel(tiny) as model:
            embedder = _embedder(model, 64)
            for tokens in ([], [5] * 65):
                with pytest.raises(EngineError, match="1 to 64"):
                    embedder.embed([tokens])

    def test_a_long_texts_vector_is_the_mean_of_its_windows_by_their_tokens(self, tiny: Path) -> None:
        text = " ".join([TEXT] * 100)
        first, (long, short) = _vectors(tiny, [text])[0], _vectors(tiny, [text, TEXT])
        assert first.value is not None and long.value is not None and short.value is not None
        assert np.array_equal(first.value, long.value)
        assert abs(float(long.value @ long.value) - 1) < 1e-6
        assert not np.allclose(long.value, short.value, atol=1e-3)

    def test_null_has_no_vector_and_an_empty_text_says_why(self, tiny: Path) -> None:
        null, empty, unseen, there = _vectors(tiny, [None, " \n", "\u200b", TEXT])
        assert (null.value, null.error) == (None, None)
        assert empty.value is None and unseen.value is None and empty.error == "The text is empty; it has no vector."
        assert there.error is None

    def test_what_it_takes_of_memory_is_told(self, tiny: Path) -> None:
        told = memory.estimate(tiny, EngineOptions(str(tiny), "", 64, embeds=True))
        assert told.kv == 0 and told.compute > 0 and not told.untold


class TestColumns:
    def test_columns_are_joined_to_one_vector_and_the_rest_stays(self, tiny: Path) -> None:
        frame = pd.DataFrame({"title": ["The mill", None, None], "text": ["burned down", "burned down", None]})
        asked = {"both": columns.embed(["title", "text"]), "one": columns.embed("text")}
        found = columns.transform(frame, asked, model=tiny, progress=False)
        assert list(found.columns) == ["title", "text", "both", "one", "error"]
        assert np.array_equal(found["both"][1], found["one"][0])
        assert not np.array_equal(found["both"][0], found["one"][0])
        assert found["both"][2] is None and found["error"].isna().all()

    @pytest.mark.slow
    def test_in_sql_an_embedding_model_gives_vectors_alone(self, tiny: Path, spark: SparkSession) -> None:
        from cpullm.columns.spark import register_sql

        assert register_sql(spark, model=tiny) == ["llm_embed"]
        (row,) = spark.sql(f"SELECT llm_embed('{TEXT}') AS v").collect()
        assert row.v == _vectors(tiny, [TEXT])[0].value.tolist()  # type: ignore[union-attr]

    def test_an_embedding_model_is_asked_nothing(self, tiny: Path) -> None:
        with pytest.raises(ModelError, match="gives vectors and no answers"):
            columns.transform(pd.DataFrame({"text": ["a"]}), {"mood": columns.sentiment("text")}, model=tiny)


@pytest.mark.model
class TestLanguageModel:
    def test_its_vectors_are_the_same_whatever_is_beside_a_text(self, starter: Path) -> None:
        with LlamaModel(starter) as model:
            embedder = _embedder(model, 256)
            # Of equal length in one batch, of other lengths in others.
            tokens = _tokens(model, ["one two three", "four five six", "seven eight nine", "a b c", "b", TEXT, TEXT])
            together = embedder.embed(tokens)
            alone = np.concatenate([embedder.embed([one]) for one in reversed(tokens)])[::-1]
        assert np.array_equal(together, alone)
        assert together.shape == (7, 576)

    def test_vectors_and_answers_are_of_the_same_weights(self, starter: Path) -> None:
        frame = pd.DataFrame({"text": ["It was a wonderful day.", "I hate it."]})
        asked = {"vector": columns.embed("text"), "mood": columns.sentiment("text")}
        found = columns.transform(frame, asked, model=starter, progress=False)
        assert found["error"].isna().all()
        assert all(mood in ("positive", "negative", "neutral") for mood in found["mood"])
        assert embedding._held is None

    def test_weights_loaded_for_vectors_alone_go_once_answers_have_the_same(self, starter: Path) -> None:
        before = _vectors(starter, [TEXT])[0].value
        assert embedding._held is not None and embedding._held.is_own
        worker.load(Job(replace(embedding._held.options, embeds=False), {"a": Sampling()}))
        after = _vectors(starter, [TEXT])[0].value
        assert not embedding._held.is_own and np.array_equal(before, after)

    def test_a_models_end_is_that_of_its_vectors_too(self, starter: Path) -> None:
        model = LlamaModel(starter)
        embedder = _embedder(model, 64)
        model.close()
        assert not embedder.is_open
