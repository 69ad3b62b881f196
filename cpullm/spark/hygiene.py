"""Corpus hygiene on Spark: texts in one form, their language, and what the corpus holds twice dropped and reported.

Candidates for near duplicates share a band of their MinHash signatures. Each is compared with a few others of its
bucket, so that a bucket of any size costs time in proportion; pairs that are similar connect to components, and of
each component the best text stays and drops those similar to it, then the next best that is left, and so on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cpullm import readers
from cpullm.errors import InputError
from cpullm.hygiene import language, minhash, normalized, normalized_document
from cpullm.options import Hygiene
from cpullm.records import Document
from cpullm.spark import rows

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame, SparkSession

REPORT_SCHEMA = "document_id string, reason string, kept_id string, similarity double, words int"
_FEATURES = (
    "id string, n_characters int, words int, language string, digest string, signature binary, bands array<bigint>"
)
_PAIR = "id string, other string, signature binary, other_signature binary"
_NEIGHBOURS = 8
_ROWS = 64
_DEFAULT = Hygiene()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What stays, texts in one form and with a column `language`, and a row of `REPORT_SCHEMA` for each that goes."""

    kept: DataFrame
    report: DataFrame


def clean(
    frame: DataFrame, hygiene: Hygiene = _DEFAULT, *, id_column: str = "document_id", text_column: str = "text"
) -> Cleaned:
    """Drop what is empty, in another language, or there already: the longest text stays, of equals the least id.

    Rows with a value in a column `error` stay as they are. `frame` is read twice, now and when `kept` is: persist it
    if that is dear. The report lies on the executors until it is no longer referred to. InputError if ids are missing
    or not unique.
    """
    from pyspark.sql import functions as F

    readers.check_columns(frame.columns, id_column, text_column, *frame.columns)
    features = _features(frame, hygiene, id_column, text_column).localCheckpoint()
    _check_ids(features)
    reason = F.when(F.col("n_characters") == 0, "empty")
    if hygiene.languages is not None:
        reason = reason.when(~F.col("language").isin(*hygiene.languages), "language")
    wrong = features.select("id", reason.alias("reason"), *_nothing_kept(), "words").where("reason IS NOT NULL")
    right = features.where(reason.isNull())
    same, different = _exact(right)
    report = wrong.union(same).union(_near(different, hygiene)).toDF(*_names(REPORT_SCHEMA)).localCheckpoint()
    kept = _in_one_form(frame, text_column)
    gone = report.select(F.col("document_id").alias("_gone"))
    return Cleaned(kept.join(gone, kept[f"`{id_column}`"].cast("string") == gone["_gone"], "left_anti"), report)


def clean_documents(
    spark: SparkSession, documents: Sequence[Document], hygiene: Hygiene = _DEFAULT
) -> tuple[list[Document], pd.DataFrame]:
    """The same for documents of this process: those that stay, in their order, and the report."""
    place = {document.id: n for n, document in enumerate(documents)}
    frame = spark.createDataFrame(list(rows.document_rows(documents)), rows.ddl(rows.DOCUMENT))
    cleaned = clean(frame, hygiene)
    lines = cleaned.kept.select(*rows.DOCUMENT).toLocalIterator()
    kept = [rows.document(*line.asDict(recursive=True).values()) for line in lines]
    return sorted(kept, key=lambda document: place[document.id]), cleaned.report.toPandas()


def summary_lines(report: DataFrame) -> list[str]:
    """For people: how many documents and words were dropped, one line a reason."""
    from pyspark.sql import functions as F

    counts = report.groupBy("reason").agg(F.count("*").alias("n"), F.sum("words").alias("words")).orderBy("reason")
    lines = [f"dropped, {row['reason']}: {row['n']} documents of {row['words']} words" for row in counts.collect()]
    return lines or ["dropped: no document"]


def _features(frame: DataFrame, hygiene: Hygiene, id_column: str, text_column: str) -> DataFrame:
    """What decides over each document, without its text; rows with an error have none."""
    from pyspark.sql import functions as F

    n_permutations = hygiene.n_permutations
    n_rows = minhash.band_rows(hygiene.similarity, n_permutations)
    good = frame.where("error IS NULL") if "error" in frame.columns else frame
    texts = good.select(F.col(f"`{id_column}`").cast("string").alias("id"), F.col(f"`{text_column}`").alias("text"))

    def made(batches):  # type: ignore[no-untyped-def] # Spark reads type hints, and would look for these on executors
        for batch in batches:
            lines = zip(batch["id"], batch["text"], strict=True)
            found = [_feature(id_, text, n_permutations, n_rows) for id_, text in lines]
            yield pd.DataFrame(found, columns=_names(_FEATURES))

    return texts.mapInPandas(made, _FEATURES)


def _feature(id_: str | None, text: str | None, n_permutations: int, n_rows: int) -> rows.Row:
    text = normalized(text or "")
    words = text.split()
    digest = hashlib.sha256(" ".join(words).encode()).hexdigest()
    signature = minhash.signature(text, n_permutations)
    return id_, len(text), len(words), language(text), digest, signature.tobytes(), minhash.bands(signature, n_rows)


def _check_ids(features: DataFrame) -> None:
    from pyspark.sql import functions as F

    missing = features.where("id IS NULL OR trim(id) = ''").count()
    if missing:
        raise InputError(f"The id is empty in {missing} rows; every row needs one.")
    twice = features.groupBy("id").agg(F.count("*").alias("n")).where("n > 1").orderBy("id").first()
    if twice is not None:
        raise InputError(f"The ids hold {twice['id']!r} more than once; ids must be unique.")


def _exact(features: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Rows of the report for those that are the same but for white space, and the features of the others."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    best_first = Window.partitionBy("digest").orderBy(F.desc("n_characters"), "id")
    ranked = features.withColumn("kept_id", F.first("id").over(best_first)).localCheckpoint()
    same = ranked.where("id != kept_id")
    report = same.select("id", F.lit("exact duplicate").alias("reason"), "kept_id", F.lit(1.0), "words")
    return report, ranked.where("id = kept_id").drop("kept_id")


def _near(features: DataFrame, hygiene: Hygiene) -> DataFrame:
    """Rows of the report for near duplicates."""
    from pyspark.sql import functions as F

    spark, least = features.sparkSession, hygiene.similarity
    edges = _candidates(features).mapInPandas(lambda batches: _similar(batches, least), "id string, other string")
    pairs = ((str(edge[0]), str(edge[1])) for edge in edges.collect())
    members = pd.DataFrame(minhash.components(pairs).items(), columns=["id", "component"], dtype="string")
    if members.empty:
        return spark.createDataFrame([], REPORT_SCHEMA)
    joined = spark.createDataFrame(members.astype(object), "id string, component string").join(features, "id")
    sized = joined.select("component", "id", "n_characters", "words", "signature")

    def dropped(table):  # type: ignore[no-untyped-def] # as above
        return _dropped(table, least)

    return sized.groupBy(F.col("component")).applyInPandas(dropped, REPORT_SCHEMA)


def _candidates(features: DataFrame) -> DataFrame:
    """Pairs of documents that share a bucket: each with the first and with a few before it, by id."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    by_id = Window.partitionBy("bucket").orderBy("id")
    before: list[Column] = [F.first("id").over(by_id)]
    before += [F.lag("id", distance).over(by_id) for distance in range(1, _NEIGHBOURS + 1)]
    buckets = features.select("id", F.explode("bands").alias("bucket"))
    pairs = buckets.select("id", F.array_distinct(F.array(*before)).alias("others"))
    pairs = pairs.select("id", F.explode("others").alias("other")).where("other != id").distinct()
    signatures = features.select("id", "signature")
    others = signatures.toDF("other", "other_signature")
    return pairs.join(signatures, "id").join(others, "other").select(*_names(_PAIR))


def _similar(batches: Iterator[pd.DataFrame], least: float) -> Iterator[pd.DataFrame]:
    """On the executor: the pairs whose signatures say that they are similar."""
    for batch in batches:
        if len(batch):
            shares = minhash.similarities(_signatures(batch["signature"]), _signatures(batch["other_signature"]))
            yield batch.loc[shares >= least, ["id", "other"]]


def _dropped(table: pd.DataFrame, least: float) -> pd.DataFrame:
    """On the executor: of one component's documents those that go, each with the one that stays for it."""
    left = table.sort_values(["n_characters", "id"], ascending=[False, True])
    found = []
    while len(left) > 1:
        shares = minhash.similarities(*(_signatures(part["signature"]) for part in (left[:1], left[1:])))
        near, kept_id = shares >= least, left["id"].iloc[0]
        gone = left[1:][near]
        found += [
            (id_, "near duplicate", kept_id, float(share), int(words))
            for id_, share, words in zip(gone["id"], shares[near], gone["words"], strict=True)
        ]
        left = left[1:][~near]
    return pd.DataFrame(found, columns=_names(REPORT_SCHEMA))


def _signatures(values: Any) -> Any:
    """Signatures as bytes → an array (documents, permutations)."""
    return np.frombuffer(b"".join(values), np.uint32).reshape(len(values), -1)


def _in_one_form(frame: DataFrame, text_column: str) -> DataFrame:
    """The frame with texts normalized, marks moved with them, and a column `language`; other columns as they are."""
    names = frame.columns
    schema = frame.select(*(f"`{name}`" for name in names if name != "language")).schema.add("language", "string")

    def form(batches):  # type: ignore[no-untyped-def] # as above
        for batch in batches:
            for start in range(0, batch.num_rows, _ROWS):
                yield _formed(batch.slice(start, _ROWS), names, text_column)

    # In the names of its input this knows no dots.
    return frame.toDF(*(f"_{place}" for place in range(len(names)))).mapInArrow(form, schema)


def _formed(batch: pa.RecordBatch, names: list[str], text_column: str) -> pa.RecordBatch:
    """On the executor: the same for some rows; those with an error or without a text stay."""
    import pyarrow as pa

    columns = dict(zip(names, batch.columns, strict=True))
    unset = [None] * batch.num_rows
    texts = columns[text_column].to_pylist()
    marks, errors = (columns[name].to_pylist() if name in columns else unset for name in ("marks", "error"))
    documents = [
        None if text is None or error is not None else normalized_document(rows.document("", "", text, spans, None))
        for text, spans, error in zip(texts, marks, errors, strict=True)
    ]
    formed = {
        text_column: [text if new is None else new.text for text, new in zip(texts, documents, strict=True)],
        "marks": [old if new is None else rows.spans(new) for old, new in zip(marks, documents, strict=True)],
    }
    columns.update({name: pa.array(formed[name], columns[name].type) for name in formed if name in columns})
    tags = [None if document is None else language(document.text) for document in documents]
    columns.pop("language", None)
    columns["language"] = pa.array(tags, pa.string())
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _nothing_kept() -> tuple[Column, Column]:
    from pyspark.sql import functions as F

    return F.lit(None).cast("string").alias("kept_id"), F.lit(None).cast("double").alias("similarity")


def _names(schema: str) -> list[str]:
    return [column.split()[0] for column in schema.split(", ")]
