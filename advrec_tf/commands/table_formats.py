"""How table files are to be read, as arguments of commands: each field is an option.

Importing it is quick: no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import os

from cyclopts import Parameter

from advrec_tf.commands.arguments import COLUMNS, Count, Names
from advrec_tf.pipelines.tabular.settings import TableSettings

_READINGS = ("decimal_comma", "day_first", "month_first")


@Parameter(name="*", group=COLUMNS)
@dataclasses.dataclass(frozen=True, kw_only=True)
class FileFormat:
    """How the text of a table file is to be read.

    Attributes:
        separator: The separator. By default a tab, comma, semicolon or bar, as the header has it.
        encoding: The encoding of the file. By default its byte order mark decides, else utf-8.
        missing: What means a missing value, beside the empty field. By default NaN, nan, NULL,
            null, None, NA, N/A and <NA>; in columns of numbers, dates and booleans of a table also
            dashes, ?, n/a and their like.
        keep_missing: Read ids and texts that look like a missing value, such as null, as they
            stand.
        escape: The character before a quote that is part of a quoted field, such as a backslash.
            By default such quotes are doubled.
        max_text: The largest number of characters in one field. By default it is 131072.
    """

    separator: str | None = None
    encoding: str | None = None
    missing: Names = ()
    keep_missing: bool = False
    escape: str | None = None
    max_text: Count | None = None

    def given(self) -> dict:
        """What was given, as keywords of the readers."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if value is not None and value != () and value is not False
        }


@Parameter(name="*", group=COLUMNS)
@dataclasses.dataclass(frozen=True, kw_only=True)
class TableFormat(FileFormat):
    """How a table file of interactions is to be read.

    Attributes:
        user_column: The column of the user ids. By default it is user_id.
        item_column: The column of the item ids. By default it is item_id.
        rating_column: The column of the ratings. By default no ratings are read.
        time_column: The column of the times, as numbers or ISO dates. By default no times are read.
        column_names: The names of all columns, for a file without a header line.
        unrated: The rating that means that there is none, such as 0.
    """

    user_column: str | None = None
    item_column: str | None = None
    rating_column: str | None = None
    time_column: str | None = None
    column_names: Names = ()
    unrated: float | None = None


@Parameter(name="*", group=COLUMNS)
@dataclasses.dataclass(frozen=True, kw_only=True)
class TableColumns(FileFormat):
    """What the columns of a table with a label are.

    Attributes:
        label: The column that is predicted. By default the last one.
        drop: Columns to leave out.
        category: Columns to read as categories.
        identifier: Columns to read as identifiers, which are numbered anew.
        date: Columns to read as dates.
        number: Columns to read as numbers.
        decimal_comma: Columns of numbers whose comma is the decimal mark, where 1,234 could be
            either.
        day_first: Columns of dates whose day stands before the month, where 01/02/2024 could be
            either.
        month_first: Columns of dates whose month stands before the day.
        max_categories: The largest number of categories of a column.
    """

    label: str | None = None
    drop: Names = ()
    category: Names = ()
    identifier: Names = ()
    date: Names = ()
    number: Names = ()
    decimal_comma: Names = ()
    day_first: Names = ()
    month_first: Names = ()
    max_categories: Count = 1000

    def read(self, path: str | os.PathLike):
        """The table in a file, its columns read as they are said to be.

        Raises:
            ValueError, OSError: as `tabular.files.read_table`.
        """
        from advrec_tf.tabular.files import read_table

        return read_table(
            path,
            label=self.label,
            kinds=self._kinds(),
            readings={
                name: reading.replace("_", "-")
                for reading in _READINGS
                for name in getattr(self, reading)
            },
            drop=self.drop,
            max_categories=self.max_categories,
            **self.file_format(),
        )

    def count(self, path: str | os.PathLike, settings: TableSettings):
        """The table in shards, counted, with samples by the fractions of the settings.

        Raises:
            ValueError: if something is given that shards do not have.
            ValueError, OSError: as `data.stream` and `tabular.count_table` say.
        """
        from advrec_tf.tabular.counted import open_table

        other = [name for name in self.file_format() if name != "separator"]
        other += [name for name in _READINGS if self.given().get(name)]
        if other:
            name = other[0].replace("_", "-")
            raise ValueError(
                f"`--{name}` should not be given for shards, whose numbers and dates are typed, or "
                f"in CSV as Python writes them. Received: --{name} beside --data {path}."
            )
        return open_table(
            path,
            separator=self.separator,
            drop=self.drop,
            label=self.label,
            kinds=self._kinds(),
            max_categories=self.max_categories,
            validation_fraction=settings.validation_fraction,
            holdout_fraction=settings.holdout_fraction,
            seed=settings.seed,
        )

    def _kinds(self) -> dict[str, str]:
        kinds = ("category", "identifier", "date", "number")
        return {name: kind for kind in kinds for name in getattr(self, kind)}

    def file_format(self) -> dict:
        """Those of `FileFormat` that were given, as keywords of the readers."""
        names = {field.name for field in dataclasses.fields(FileFormat)}
        return {name: value for name, value in self.given().items() if name in names}
