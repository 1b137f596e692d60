"""Which interactions a command reads, as its arguments: each field is an option.

Importing it is quick: no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cyclopts import Parameter

from advrec_tf.commands.arguments import DATA, Names
from advrec_tf.commands.table_formats import TableFormat
from advrec_tf.pipelines.progress import LOG

_SHARDS = (".parquet", ".pq", ".tfrecord", ".tfrecords")


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
        user_table_id: The column of the user ids in --user-table, by default called as in the
            interactions.
        item_table: The same of items: all its columns are features, and the one that
            --item-table-text names holds the titles. MovieLens' movies.dat, or a JSON object of
            titles by id, holds titles alone.
        item_table_id: The column of the item ids in --item-table, by default called as in the
            interactions.
        item_table_text: The column of the titles in --item-table.
        context_column: The columns that describe an interaction itself, such as its hour and its
            device. The ranking tower uses them, and with --use-context of advrec train two_tower.
        column_kind: The kind of a column of users, items or the context that is not what it looks
            like, as COLUMN=KIND: category, id, number, time, text, sequence or vector. An hour is
            hour=category.
    """

    item_text_column: str | None = None
    user_table: Path | None = None
    user_table_id: str | None = None
    item_table: Path | None = None
    item_table_id: str | None = None
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
        shared = ("item_column", "missing", "keep_missing")
        settings = table_settings({name: given[name] for name in shared if name in given})
        form = {name: given[name] for name in ("encoding", "escape", "max_text") if name in given}
        return read_texts(
            self.item_table,
            id_column=self.item_table_id or settings.item_column,
            text_column=self.item_table_text,
            missing=settings.id_marks,
            log=LOG.info,
            **form,
        )
