"""Arguments that commands share, as records: each field is an option, its help in the docstring.

Importing it is quick: no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from advrec_tf.pipelines.audit.settings import AuditSettings
from advrec_tf.pipelines.progress import LOG
from advrec_tf.pipelines.recommend.gan_settings import GanSettings
from advrec_tf.pipelines.recommend.ranking_settings import RankingSettings
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.tabular.settings import TableSettings
from advrec_tf.pipelines.text.settings import TextTowerSettings

DATA = Group("Data", sort_key=1)
COLUMNS = Group("How the file is read", sort_key=2)
RUN = Group("Run", sort_key=3)
SETTINGS = Group("Settings (of several values, validation chooses one)", sort_key=4)

Count = Annotated[int, Parameter(validator=Number(gte=1))]
"""A whole number of at least one."""
Names = tuple[str, ...]
_READINGS = ("decimal_comma", "day_first", "month_first")
_SHARDS = (".parquet", ".pq", ".tfrecord", ".tfrecords")

_flat = Parameter(name="*", group=SETTINGS)
Audited = Annotated[AuditSettings, _flat]
Comparison = Annotated[RecommenderSettings, _flat]
InteractionGan = Annotated[GanSettings, _flat]
RankingTower = Annotated[RankingSettings, _flat]
SingleModel = Annotated[SingleSettings, _flat]
TextTower = Annotated[TextTowerSettings, _flat]
TableGeneration = Annotated[TableSettings, _flat]


def is_sharded(path: str | os.PathLike) -> bool:
    """Whether the path is a Parquet or TFRecord file, a folder of them, or a pattern."""
    if os.path.isdir(path):
        return any(name.endswith(_SHARDS) for name in os.listdir(path))
    if os.path.exists(path):
        return str(path).endswith(_SHARDS)
    return glob.has_magic(os.fspath(path))


def shards_of(path: str | os.PathLike) -> list[str]:
    """The files that such a path names.

    Raises:
        FileNotFoundError: if there is none.
    """
    from advrec_tf.data.streams.shards import find_shards

    return find_shards(path)


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


@Parameter(name="*", group=DATA)
@dataclasses.dataclass(frozen=True, kw_only=True)
class InteractionSource:
    """Which interactions, for a command that reads nothing else of users and items.

    Attributes:
        data: A CSV or TSV file (plain or .gz), a Parquet file, a MovieLens folder, or the word
            synthetic. For advrec train and advrec gan also shards: a pattern such as
            'shards/*.parquet', or a folder of Parquet or TFRecord files, whose rows are not held in
            memory.
    """

    data: str
    table: TableFormat = TableFormat()

    @property
    def files(self) -> list[str | Path]:
        """What is read, and so is never written."""
        return list(shards_of(self.data)) if self.is_sharded else [self.data]

    @property
    def is_sharded(self) -> bool:
        """Whether the data are a pattern, or a folder of Parquet or TFRecord files."""
        return is_sharded(self.data) and not os.path.isfile(self.data)

    def shard_columns(self) -> dict[str, str]:
        """Which columns of shards are read, as `prepare_stream` takes them.

        Raises:
            ValueError: if something is given that shards do not have.
        """
        given = self._columns()
        known = ("user_column", "item_column", "time_column", "separator")
        other = [name for name in given if name not in known]
        if other:
            name = other[0].replace("_", "-")
            raise ValueError(
                f"`--{name}` should not be given for shards, of which users, items and times are "
                f"read. Received: --{name} beside --data {self.data}."
            )
        return given

    def load(self, *, seed: int = 0):
        """The `Loaded` that the arguments ask for.

        Raises:
            ValueError, OSError, ImportError: as the readers say.
        """
        from advrec_tf.data.readers.files import MissingColumnError
        from advrec_tf.data.readers.loading import SYNTHETIC, load

        if self.is_sharded:
            raise ValueError(
                "`--data` should be one file or a MovieLens folder: shards are read by `advrec "
                "train`, and by `advrec gan` and `advrec table` for what these generate. "
                f"Received: {self.data}."
            )
        columns = self._columns()
        if self.data == SYNTHETIC:
            if columns:
                raise ValueError(
                    "The built-in data have columns of their own. Received: "
                    + ", ".join(f"--{name.replace('_', '-')}" for name in columns)
                    + " beside --data synthetic."
                )
            columns = {"seed": seed}
        try:
            return load(self.data, **columns)
        except MissingColumnError as error:
            raise MissingColumnError(f"{error} {self._options_of_columns}") from None

    @property
    def _options_of_columns(self) -> str:
        """A sentence: by which options columns are named."""
        return (
            "Columns are named by --user-column, --item-column, --rating-column and --time-column."
        )

    def _columns(self) -> dict:
        """What was given, as keywords of `load`."""
        return self.table.given()


@Parameter(name="*", group=DATA)
@dataclasses.dataclass(frozen=True, kw_only=True)
class Source(InteractionSource):
    """Which interactions, with what is known of their users and items.

    Attributes:
        item_text_column: The column of a title or description of the item.
        user_table: A CSV, TSV or Parquet file with a line for each user: all its columns are
            features, which the ranking tower uses, and with --use-features the two-tower model.
        user_table_id: The column of the user ids in --user-table.
        item_table: The same of items: all its columns are features, and the one that
            --item-table-text names holds the titles. MovieLens' movies.dat, or a JSON object of
            titles by id, holds titles alone.
        item_table_id: The column of the item ids in --item-table.
        item_table_text: The column of the titles in --item-table.
        context_column: The columns that describe an interaction itself, such as its hour and its
            device. The ranking tower uses them, and with --use-context of advrec train two_tower.
        column_kind: The kind of a column of users, items or the context that is not what it looks
            like, as COLUMN=KIND: category, id, number, time, text, sequence or vector. An hour is
            hour=category.
    """

    item_text_column: str | None = None
    user_table: Path | None = None
    user_table_id: str = "user_id"
    item_table: Path | None = None
    item_table_id: str = "item_id"
    item_table_text: str | None = None
    context_column: Names = ()
    column_kind: Names = ()

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> Source:
        """The source among options, as `configuration.given` kept them; others are left alone."""
        found: list[dict[str, Any]] = []
        for kind in (TableFormat, cls):
            names = {field.name for field in dataclasses.fields(kind)}
            found.append(
                {
                    name: tuple(value) if isinstance(value, list) else value
                    for name, value in options.items()
                    if name in names
                }
            )
        columns, source = found
        return cls(**source, table=TableFormat(**columns))

    @property
    def files(self) -> list[str | Path]:
        """What is read, and so is never written."""
        given = (*super().files, self.user_table, self.item_table)
        return [path for path in given if path is not None]

    def shard_columns(self) -> dict[str, str]:
        if self.item_table is not None:
            raise ValueError(
                "`--item-table` should not be given for shards, of which users, items and times "
                f"are read. Received: --item-table beside --data {self.data}."
            )
        return super().shard_columns()

    def load(self, *, seed: int = 0):
        from advrec_tf.data.metadata import attach_item_text

        loaded = super().load(seed=seed)
        if self.item_table is None or not (self.item_table_text or self._only_titles):
            return loaded
        interactions = attach_item_text(loaded.interactions, self._texts())
        return dataclasses.replace(loaded, interactions=interactions)

    @property
    def _options_of_columns(self) -> str:
        return (
            "Columns are named by --user-column, --item-column, --rating-column and --time-column, "
            "the ids of tables by --user-table-id and --item-table-id."
        )

    @property
    def _only_titles(self) -> bool:
        """Whether the item table holds titles and no columns of features."""
        return str(self.item_table).endswith((".dat", ".dat.gz", ".json", ".json.gz"))

    def _columns(self) -> dict:
        """What was given, as keywords of `load`."""
        found = super()._columns()
        if self.item_text_column is not None:
            found["item_text_column"] = self.item_text_column
        if self.context_column:
            found["context_columns"] = list(self.context_column)
        if self.user_table is not None:
            found |= {"users": self.user_table, "user_table_id": self.user_table_id}
        of_items = self.item_table is not None and not self._only_titles
        if of_items and not os.path.isdir(self.data):  # MovieLens has features of its own
            found |= {"items": self.item_table, "item_table_id": self.item_table_id}
        if self.column_kind:
            wrong = [text for text in self.column_kind if "=" not in text]
            if wrong:
                raise ValueError(f"`--column-kind` should be COLUMN=KIND. Received: {wrong[0]}.")
            found["kinds"] = dict(text.rsplit("=", 1) for text in self.column_kind)
        return found

    def _texts(self) -> dict:
        from advrec_tf.data.readers.assembly import table_settings
        from advrec_tf.data.readers.side_tables import read_texts

        assert self.item_table is not None
        given = self.table.given()
        marks = {name: given[name] for name in ("missing", "keep_missing") if name in given}
        form = {name: given[name] for name in ("encoding", "escape", "max_text") if name in given}
        return read_texts(
            self.item_table,
            id_column=self.item_table_id,
            text_column=self.item_table_text,
            missing=table_settings(marks).id_marks,
            log=LOG.info,
            **form,
        )


@Parameter(name="*", group=RUN)
@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """The folder of a run, and what is said while it goes on.

    Attributes:
        out: The folder for all that the command writes.
        resume: Continue the run in --out.
        quiet: Show warnings and the result only.
        verbose: Show a line for each epoch.
        fail_on_unhealthy: End with exit code 3 where a training diverged, collapsed or had nothing
            to learn. By default this is only said.
    """

    out: Path
    resume: bool = False
    quiet: bool = False
    verbose: bool = False
    fail_on_unhealthy: bool = False
