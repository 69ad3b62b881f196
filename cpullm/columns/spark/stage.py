"""What all stages of pyspark.ml here are told, and how they are saved: columns, the model, how it is run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.ml import Transformer
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasInputCols, HasOutputCol
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable

from cpullm import columns, readers
from cpullm.columns import Column
from cpullm.errors import OptionError
from cpullm.options import Options

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Stage(Transformer, HasInputCol, HasInputCols, HasOutputCol, DefaultParamsReadable, DefaultParamsWritable):  # type: ignore[misc, type-arg, unused-ignore]
    """A stage that makes one new column of the texts in others."""

    errorCol: Param[str] = Param(
        Params._dummy(),
        "errorCol",
        "column that says why a row has no answer, null for the others; one that is there is gone on with",
        TypeConverters.toString,
    )
    model: Param[str] = Param(
        Params._dummy(), "model", "name or path of a GGUF model; by default cpullm's own", TypeConverters.toString
    )
    modelAt: Param[str] = Param(
        Params._dummy(),
        "modelAt",
        "where executors find the model themselves: a path of every host, or a URI",
        TypeConverters.toString,
    )
    options: Param[str] = Param(
        Params._dummy(), "options", "fields of cpullm.Options and their values, as JSON", TypeConverters.toString
    )

    _input_kwargs: dict[str, Any]  # of `keyword_only`

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(errorCol="error", options="{}")

    def setParams(self, **params: Any) -> Any:
        """Set some of the params, as the constructor takes them."""
        unknown = [name for name in params if not self.hasParam(name)]
        if unknown:
            raise OptionError(
                f"{self.uid} has no param {unknown[0]!r}; there are {', '.join(p.name for p in self.params)}."
            )
        return self._told(**params)

    def setInputCol(self, value: str) -> Any:
        """The column with the text."""
        return self._told(inputCol=value)

    def setInputCols(self, value: Sequence[str]) -> Any:
        """Several columns with the text, joined by a blank line."""
        return self._told(inputCols=value)

    def setOutputCol(self, value: str) -> Any:
        """The new column."""
        return self._told(outputCol=value)

    def setErrorCol(self, value: str) -> Any:
        """The column for what went wrong."""
        return self._told(errorCol=value)

    def setModel(self, value: str | Path) -> Any:
        """A model's name or path."""
        return self._told(model=value)

    def setModelAt(self, value: str) -> Any:
        """Where executors find the model."""
        return self._told(modelAt=value)

    def setOptions(self, value: Mapping[str, Any] | str) -> Any:
        """Fields of `cpullm.Options`, as {"max_tokens": 40} or as JSON."""
        return self._told(options=value)

    def getErrorCol(self) -> str:
        """The column for what went wrong."""
        return str(self.getOrDefault(self.errorCol))

    def getModel(self) -> str | None:
        """The model's name or path; None for cpullm's own."""
        return self._given(self.model)

    def getModelAt(self) -> str | None:
        """Where executors find the model; None if Spark brings it."""
        return self._given(self.modelAt)

    def getOptions(self) -> dict[str, Any]:
        """Fields of `cpullm.Options`."""
        found = json.loads(self.getOrDefault(self.options))
        return dict(found)

    def _told(self, **params: Any) -> Any:
        """Set what is given, as these params hold it."""
        given = {name: value for name, value in params.items() if value is not None}
        if "model" in given:
            given["model"] = str(given["model"])
        if "options" in given:
            given["options"] = json_object("options", given["options"])
            Options.of(json.loads(given["options"]))
        return self._set(**given)

    def _given(self, param: Param[str]) -> str | None:
        return str(self.getOrDefault(param)) if self.isDefined(param) else None

    def _inputs(self) -> list[str]:
        one, several = self.isSet(self.inputCol), self.isSet(self.inputCols)
        if one == several:
            told = "both are given" if one else "none is given"
            raise OptionError(f"{self.uid} takes inputCol or inputCols, and {told}.")
        return [self.getInputCol()] if one else list(self.getInputCols())

    def _output(self) -> str:
        if not self.isSet(self.outputCol):
            raise OptionError(f"{self.uid} needs outputCol, the name of the new column.")
        return str(self.getOutputCol())

    def _column(self, inputs: list[str]) -> Column:
        raise NotImplementedError

    def _transform(self, dataset: DataFrame) -> DataFrame:
        inputs, output = self._inputs(), self._output()
        column = self._column(inputs)
        readers.check_columns(dataset.columns, *column.columns)
        return columns.transform(  # type: ignore[no-any-return]
            dataset,
            {output: column},
            model=self.getModel(),
            error_column=self.getErrorCol(),
            model_at=self.getModelAt(),
            progress=False,
            **self.getOptions(),
        )


def json_object(name: str, value: Any) -> str:
    """A JSON object as text."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
        if not isinstance(found, Mapping):
            raise ValueError(f"it is {found!r}")
        return json.dumps(dict(found))
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name} must be a JSON object: {error}.") from None
