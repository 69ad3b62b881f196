"""Tables as documents: a bad cell is a document with an error, never an exception."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cpullm.readers import documents


@pytest.mark.parametrize(
    ("cell", "said"),
    [(None, "null"), (float("nan"), "null"), (pd.NA, "null"), (7, "a int"), (np.array(["x", "y"]), "a ndarray")],
)
def test_a_cell_that_is_no_text_is_a_document_with_an_error(cell: Any, said: str) -> None:
    bad, good = documents(pd.DataFrame({"id": [1, 2], "text": [cell, "fine"]}), "id", "text")
    assert said in (bad.error or "") and bad.text == ""
    assert good.error is None
