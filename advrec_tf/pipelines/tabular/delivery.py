"""What a run of the table pipeline is for: generated rows in a file, and the generator to serve.

Both are written as soon as the GAN is trained, before anything is measured.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from advrec_tf.ops.fingerprints import digest_columns
from advrec_tf.pipelines.progress import LOG
from advrec_tf.serving.folder import read_metadata
from advrec_tf.serving.saved_model import export as export_module
from advrec_tf.tabular.counted import CountedTable
from advrec_tf.tabular.files import Table, write_table
from advrec_tf.tabular.gan import TableGAN
from advrec_tf.tabular.served import ServedGenerator

MOST_WRITTEN = 100_000
"""Rows that are generated for shards by default, at most."""


class Delivery:
    """Writes what a trained GAN generates, and the GAN itself.

    Args:
        table: that was read or counted; its columns and separator are those of the file.
        path: of the generated rows, which replaces an earlier one.
        rows: how many.
        conditions: column -> value that they all have.
        seed: of what is drawn.
        export: the folder for the versions of the SavedModel, or None.

    Attributes:
        lines: where things lie.
        notes: what is to be said of the rows.
    """

    def __init__(
        self,
        table: Table | CountedTable,
        path: Path,
        *,
        rows: int,
        conditions: dict,
        seed: int,
        export: str | None = None,
    ):
        self.table, self.path, self.rows = table, path, rows
        self.conditions, self.seed, self.export = conditions, seed, export
        self.lines: list[str] = []
        self.notes: list[str] = []

    def __call__(self, model: TableGAN) -> None:
        generated = model.generate(self.rows, self.conditions, seed=self.seed)
        separator = self.table.separator if len(self.table.separator) == 1 else ","
        write_table(generated, self.table.schema, self.path, separator=separator, overwrite=True)
        self.lines.append(f"rows         {self.rows:,} in {self.path}")
        if model.copies_drawn:
            self.notes.append(copies_in_words(model.copies_drawn, model.copies_left, self.rows))
            LOG.info(f"note: {self.notes[-1]}")
        if self.export is not None:
            self.lines.append(_exported(model, self.export))


def _exported(model: TableGAN, folder: str) -> str:
    path = export_module(ServedGenerator(model), folder)
    check = read_metadata(path)["check"]
    seconds = check["latency_us"]["serving_default"] / 1e6
    return (
        f"SavedModel   {path}: {check['answers']} rows equal those in memory, "
        f"{check['answers'] / seconds:,.0f} rows/s through the C API"
    )


def copies_in_words(drawn: int, left: int, rows: int) -> str:
    """What is said where generated rows equalled unique training rows."""
    text = (
        f"{drawn} of {rows} rows drawn equalled a training row that is the only one of its kind; "
    )
    if left < drawn:
        return text + f"{drawn - left} were drawn anew"
    return (
        text + "they stay: with so few different values, refusing them would bend the table. Where "
        "they could give somebody away, leave columns out or train with --noise-multiplier"
    )


def conditions_from(
    given: Sequence[str], table: Table | CountedTable, conditional: Sequence[str]
) -> dict:
    """COLUMN=VALUE texts -> {column: value of its type}.

    Raises:
        ValueError: if a text has no "=", names a column that is not conditional, or a value
            that the column never has.
    """
    conditions = {}
    for text in given:
        name, found, value = text.partition("=")
        if not found or name not in conditional:
            raise ValueError(
                f"`--condition` should be COLUMN=VALUE on one of {', '.join(conditional)} (see "
                f"`--conditional`). Received: {text!r}."
            )
        conditions[name] = table.schema[name].condition(value, table.values(name))
    return conditions


def fingerprint(table: Table | CountedTable) -> str:
    """SHA-256 of the rows and the schema; of shards that of `Stream.data_fingerprint`."""
    digest = hashlib.sha256(json.dumps(table.schema.as_dict(), default=str).encode())
    if isinstance(table, CountedTable):
        digest.update(table.stream.data_fingerprint.encode())
    else:
        digest_columns(digest, table.frame)
    return digest.hexdigest()


def rows_to_write(table: Table | CountedTable) -> int:
    """As many as were read; of shards at most `MOST_WRITTEN`, for they are made in memory."""
    if isinstance(table, Table):
        return len(table.frame)
    return min(len(table.stream), MOST_WRITTEN)
