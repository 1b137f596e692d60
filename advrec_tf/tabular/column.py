"""What every column of a table is asked for; the types are in `columns`.

A column knows what its values are as numbers or categories, how generated values get their dtype
back, how a file spells them, and what a condition on it may be.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import pandas as pd

from advrec_tf.data.readers.notations.spelling import Spelling
from advrec_tf.tabular.facts import ColumnFacts

MAX_CHOICES = 20
"""Numbers and dates with at most so many distinct values are generated as choices."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """What every column has; `COLUMN_TYPES` lists the types.

    Attributes:
        name: as in the table.
        dtype: the pandas dtype that generated values are given.
        missing: whether a value may be missing.
        mark: how the file writes a missing value.
        kind: the name of the type, as in `kinds` of `schema.infer`.
        learned: whether a generator learns the column.
        categorical: whether values have no order, so that they can only be equal or not.
        continuous: whether values are numbers that may take many values.
    """

    kind: ClassVar[str]
    learned: ClassVar[bool] = True
    categorical: ClassVar[bool] = False
    continuous: ClassVar[bool] = False

    name: str
    dtype: str = "object"
    missing: bool = False
    mark: str = ""

    def as_dict(self) -> dict:
        """JSON-able; `column_from_dict` gives the column back."""
        return {"kind": self.kind, **dataclasses.asdict(self)}

    def notices(self) -> list[str]:
        """What a reader of the table should be told of this column."""
        return []

    def raw(self, series: pd.Series) -> np.ndarray:
        """Values as a codec takes them, [n]: float64 with NaN, or objects with None."""
        return series.to_numpy(np.float64, na_value=np.nan)

    def choices(self, facts: ColumnFacts) -> tuple | None:
        """The values to choose from, without missing ones; None where there are too many."""
        few = facts.values is not None and len(facts.values) <= MAX_CHOICES
        return tuple(facts.values.tolist()) if few else None

    def typed(self, values: np.ndarray) -> pd.Series:
        """Raw values [n] in the dtype of the column."""
        return pd.Series(values).astype(self.dtype)

    def spelled_as(self, spelling: Spelling) -> Column:
        """The column as the file spells it that was read."""
        return dataclasses.replace(self, mark=spelling.mark)

    def described(self) -> str:
        """The name and the kind, in words."""
        return f"{self.name} ({self.kind})"

    def spelled(self, series: pd.Series) -> pd.Series:
        """Values as a file spells them; what is missing may stay missing."""
        return series

    def texts(self, series: pd.Series) -> pd.Series:
        """Values as a file spells them, the missing ones too."""
        found = self.spelled(series)
        if not self.mark:
            return found
        return found.astype(object).where(series.notna(), self.mark)

    def choice_text(self, value) -> str:
        """A raw value as a person reads it, such as on the axis of a plot."""
        return str(value)

    def comparable(self, series: pd.Series) -> pd.Series:
        """Values such that equal ones have equal hashes, whatever dtype they came in."""
        return pd.Series(series.to_numpy(np.float64, na_value=np.nan) + 0.0)

    def conditions(self, values: pd.Series) -> pd.Series:
        """Values of conditions in the form that the codec encodes."""
        return values.astype("float64")

    def condition(self, text: str, series: pd.Series):
        """The value that `text` names in a condition.

        Raises:
            ValueError: if the column, whose values are `series`, never has it.
        """
        known = self._values_by_text(series)
        if text not in known:
            shown = ", ".join(sorted(known)[:10]) + ", ..." * (len(known) > 10)
            raise ValueError(
                f"`--condition` on {self.name} should be one of its values: {shown}. "
                f"Received: {text!r}."
            )
        return known[text]

    def _values_by_text(self, series: pd.Series) -> dict:
        return {str(value): value for value in series.dropna().unique()}
