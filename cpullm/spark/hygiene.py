"""Corpus hygiene on Spark: texts in one form, their language, and what the corpus holds twice dropped and reported.

Candidates for near duplicates share a band of their MinHash signatures. Each is compared with a few others of its
bucket, so that a bucket of any size costs time in proportion; pairs that are similar connect to components, and of
each component the best text stays and drops those similar to it, then the next best that is left, and so on.
What decides over a few thousand documents lies in one partition, so that nothing is shuffled.
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
from cpullm.hygiene import check_installed, language, minhash, normalized, normalized_document
from cpullm.options import Hygiene
from cpullm.records import Document
from cpullm.spark import rows
from cpullm.spark.failures import readable_errors

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
_FEW = 5000
_DEFAULT = Hygiene()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What stays, texts in one form and with a column `language`, and a row of `REPORT_SCHEMA` for each that goes."""

    kept: DataFrame
    report: DataFrame


@readable_errors()
def clean(
    frame: DataFrame, hygiene: Hygiene = _DEFAULT, *, id_column: str = "document_id", text_column: str = "text"
) -> Cleaned:
    """Drop what is empty, in another language, or there already: the longest text stays, of equals the least id.

    Rows with a value in a column `error` stay as they are. `frame` is read twice, now and when `kept` is: persist it
    if that is dear. The ids of similar pairs are collected on the driver; the report lies on the executors until it is
    no longer referred to. InputError if ids are missing or not unique, or a column is of a type that cannot be.
    """
    from pyspark.sql import functions as F

    check_installed()
    readers.check_columns(frame.columns, id_column, text_column, *frame.columns)
    kinds = {text_column: "string", "marks": rows.MARKS, "error": "string"}
    rows.check_types(frame, {name: kind for name, kind in kinds.items() if name in frame.columns})
    features = _features(frame, hygiene, id_column, text_column).localCheckpoint()
    few = features.count() <= _FEW
    features = features.coalesce(1) if few else features
    _check_ids(features)
    reason = F.when(F.col("n_characters") == 0, "empty")
    if hygiene.languages is not None:
        reason = reason.when(~F.col("language").isin(*hygiene.languages), "language")
    wrong = features.select("id", reason.alias("reason"), *_nothing_kept(), "words").where("reason IS NOT NULL")
    right = features.where(reason.isNull())
    same, different = _exact(right, few)
    report = wrong.union(same).union(_near(different, hygiene, few)).toDF(*_names(REPORT_SCHEMA))
    report = (report.coalesce(1) if few else report).localCheckpoint()
    kept = _in_one_form(frame, text_column)
    gone = _sent(report.select(F.col("document_id").alias("_gone")), few)
    return Cleaned(kept.join(gone, kept[f"`{id_column}`"].cast("string") == gone["_gone"], "left_anti"), report)


@readable_errors()
def clean_documents(
    spark: SparkSession, documents: Sequence[Document], hygiene: Hygiene = _DEFAULT
) -> tuple[list[Document], pd.DataFrame]:
    """The same for documents of this process: those that stay, in their order, and the report."""
    place = {document.id: n for n, document in enumerate(documents)}
    frame = spark.createDataFrame(list(rows.document_rows(documents)), rows.ddl(rows.DOCUMENT))
    cleaned = clean(frame, hygiene)
    lines = cleaned.kept.select(*rows.DOCUMENT).toLocalIterator()
    kept = [rows.document(tuple(line.asDict(recursive=True).values())) for line in lines]
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

    counts = features.groupBy("id").agg(F.count("*").alias("n"))
    missing = F.sum(F.expr("if(id IS NULL OR trim(id) = '', n, 0)")).alias("missing")
    (found,) = counts.agg(missing, F.min(F.expr("if(n > 1, id, NULL)")).alias("twice")).collect()
    if found["missing"]:
        raise InputError(f"The id is empty in {found['missing']} rows; every row needs one.")
    if found["twice"] is not None:
        raise InputError(f"The ids hold {found['twice']!r} more than once; ids must be unique.")


def _exact(features: DataFrame, few: bool) -> tuple[DataFrame, DataFrame]:
    """Rows of the report for those that are the same but for white space, and the features of the others."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    best_first = Window.partitionBy("digest").orderBy(F.desc("n_characters"), "id")
    ranked = features.withColumn("kept_id", F.first("id").over(best_first))
    ranked = ranked if few else ranked.localCheckpoint()
    same = ranked.where("id != kept_id")
    report = same.select("id", F.lit("exact duplicate").alias("reason"), "kept_id", F.lit(1.0), "words")
    return report, ranked.where("id = kept_id").drop("kept_id")


def _near(features: DataFrame, hygiene: Hygiene, few: bool) -> DataFrame:
    """Rows of the report for near duplicates."""
    from pyspark.sql import functions as F

    spark, least = features.sparkSession, hygiene.similarity
    candidates = _candidates(features, few)
    edges = candidates.mapInPandas(lambda batches: _similar(batches, least), "id string, other string")
    pairs = ((str(edge[0]), str(edge[1])) for edge in edges.collect())
    members = pd.DataFrame(minhash.components(pairs).items(), columns=["id", "component"], dtype="string")
    if members.empty:
        return spark.createDataFrame([], REPORT_SCHEMA)
    connected = spark.createDataFrame(members.astype(object), "id string, component string")
    sized = features.join(_sent(connected, few), "id").select("component", "id", "n_characters", "words", "signature")

    def dropped(table):  # type: ignore[no-untyped-def] # as above
        return _dropped(table, least)

    return sized.groupBy(F.col("component")).applyInPandas(dropped, REPORT_SCHEMA)


def _candidates(features: DataFrame, few: bool) -> DataFrame:
    """Pairs of documents that share a bucket: each with the first and with a few before it, by id."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    by_id = Window.partitionBy("bucket").orderBy("id")
    before: list[Column] = [F.first("id").over(by_id)]
    before += [F.lag("id", distance).over(by_id) for distance in range(1, _NEIGHBOURS + 1)]
    buckets = features.select("id", F.explode("bands").alias("bucket"))
    pairs = buckets.select("id", F.array_distinct(F.array(*before)).alias("others"))
    pairs = pairs.select("id", F.explode("others").alias("other")).where("other != id").distinct()
    signatures = _sent(features.select("id", "signature"), few)
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
    best_first = table.sort_values(["n_characters", "id"], ascending=[False, True])
    signatures = _signatures(best_first["signature"])
    ids, words = best_first["id"].tolist(), best_first["words"].tolist()
    left, found = np.arange(len(ids)), []
    while len(left) > 1:
        kept, others = left[0], left[1:]
        shares = minhash.similarities(signatures[kept], signatures[others])
        near = shares >= least
        gone = zip(others[near], shares[near], strict=True)
        found += [(ids[n], "near duplicate", ids[kept], float(share), words[n]) for n, share in gone]
        left = others[~near]
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
        None
        if text is None or error is not None
        else normalized_document(rows.document(("", "", text, spans, None, False)))
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


def _sent(frame: DataFrame, few: bool) -> DataFrame:
    """To be joined by sending it to every executor, if it is of few rows."""
    from pyspark.sql import functions as F

    return F.broadcast(frame) if few else frame


def _nothing_kept() -> tuple[Column, Column]:
    from pyspark.sql import functions as F

    return F.lit(None).cast("string").alias("kept_id"), F.lit(None).cast("double").alias("similarity")


def _names(schema: str) -> list[str]:
    return [column.split()[0] for column in schema.split(", ")]
