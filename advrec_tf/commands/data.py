"""`advrec data`: public data sets, and what the reader makes of a file."""

from __future__ import annotations

import datetime
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from advrec_tf.commands.arguments import Count, Names
from advrec_tf.commands.table_formats import TableFormat

File = Annotated[Path, Parameter(name="file")]


def list_sets() -> None:
    """List the built-in world and the public data sets that can be fetched.

    `advrec data list`
    """
    from advrec_tf.data.public_sets import PUBLIC_SETS

    print("synthetic: built in, --data synthetic. 2,000 users, 1,000 items; nothing is fetched.")
    print("  Good for: trying everything, since its truth is known.")
    for one in PUBLIC_SETS.values():
        print(
            f"{one.name}: about {one.megabytes:g} MB. {one.users:,} users, {one.items:,} items, "
            f"{one.rows:,} rows."
        )
        print(f"  Good for: {one.good_for}")
        print(f"  Licence: {one.licence}")
    print("\nFetch one with: advrec data fetch NAME")


def fetch(
    name: str,
    /,
    *,
    out: Path | None = None,
    accept_licence: bool = False,
) -> None:
    """Fetch a public data set, once its licence is accepted, and verify it.

    `advrec data fetch ml-100k --accept-licence`

    A download that stopped is continued by the same command. The folder appears when all of it is
    there and verified, with a record of where it came from; the command ends with the options by
    which the other commands read it.

    Args:
        name: The name of the data set, one of `advrec data list`.
        out: The new folder for its files. By default it is data/NAME.
        accept_licence: Accept the licence that is shown. By default the command asks.
    """
    from advrec_tf.data.fetching import fetch as fetch_set
    from advrec_tf.data.public_sets import PUBLIC_SETS
    from advrec_tf.pipelines.progress import LOG

    if name not in PUBLIC_SETS:
        raise ValueError(f"`name` should be one of {', '.join(PUBLIC_SETS)}. Received: {name!r}.")
    wanted = PUBLIC_SETS[name]
    folder = Path("data") / name if out is None else out
    if folder.exists():
        raise ValueError(f"`--out` should be a new folder. Received: {folder}, which exists.")
    print(f"{wanted.name}, about {wanted.megabytes:g} MB from {wanted.url}")
    print(f"Licence: {wanted.licence}")
    if wanted.checksum_url is None:
        print("Its publisher states no checksum: the one obtained is written beside the data.")
    if not accept_licence:
        _ask_for_acceptance()
    fetch_set(wanted, folder, log=LOG.info)
    print(f"\nfolder       {folder}")
    print(f"read it with {shlex.join(options_of(wanted, folder))}")


def options_of(wanted, folder: Path) -> list[str]:
    """The options by which a command reads a public data set in its folder."""
    words = []
    for option, value in wanted.options.items():
        values = value if isinstance(value, tuple) else (value,)
        if option in ("data", "item_table"):
            values = tuple(str(folder / one) for one in values)
        words += [f"--{option.replace('_', '-')}", *values]
    return words


def _ask_for_acceptance() -> None:
    from advrec_tf.commands.display import ask

    if not sys.stdin.isatty():
        raise ValueError("The licence should be accepted: give --accept-licence once you have.")
    if ask("Do you accept this licence? (yes or no) ").strip().lower() not in ("y", "yes"):
        raise ValueError("Nothing was fetched, since the licence was not accepted.")


def info(
    file: File,
    /,
    *,
    table: TableFormat = TableFormat(),
    item_text_column: str | None = None,
) -> None:
    """Say what the reader makes of a file: columns, counts, span of time, ties, doubts.

    `advrec data info events.csv --user-column user --item-column product --time-column when`

    Args:
        file: A CSV or TSV file (plain or .gz), a Parquet file, a MovieLens folder, or the word
            synthetic.
        item_text_column: The column of a title or description of the item.
    """
    from advrec_tf.data.readers.files import MissingColumnError
    from advrec_tf.data.readers.loading import load
    from advrec_tf.data.readers.overview import SAMPLE, columns_seen
    from advrec_tf.pipelines.progress import LOG

    given = _given(table, item_text_column)
    if file.is_file():
        names = ("separator", "encoding", "column_names", "max_text", "escape")
        seen = columns_seen(file, **{key: given[key] for key in names if key in given})
        rows = [("column", "looks like", "values", "missing", "first")]
        rows += [(c.name, c.kind, f"{c.distinct:,}", f"{c.missing:,}", c.example) for c in seen]
        _print_table(rows)
        print(f"(of the first {SAMPLE:,} rows at most)\n")
    try:
        loaded = load(str(file), **given)
    except MissingColumnError as error:
        if file.is_file() and not {"user_column", "item_column"} & set(given):
            print(
                "Which column is which is said by --user-column, --item-column, --rating-column "
                "and --time-column; with these the command says what the reader makes of the rows."
            )
            return
        raise ValueError(
            f"{error} Which column is which is said by --user-column, --item-column, "
            "--rating-column and --time-column."
        ) from error
    LOG.info(loaded.report)
    for line in summary(loaded.interactions):
        print(f"  {line}")


def summary(interactions) -> list[str]:
    """Lines on interactions: density, histories, ratings, span of time, and ties where there are
    too few for the report of the reader."""
    import numpy as np

    from advrec_tf.data.findings import findings
    from advrec_tf.data.tied_times import ties as ties_of

    counts = interactions.user_counts()
    lines = [
        f"density {len(interactions) / interactions.num_users / interactions.num_items:.3%}",
        f"interactions of a user: {counts.min():,} to {counts.max():,}, "
        f"median {np.median(counts):g}",
    ]
    if interactions.rating is not None:
        rated = interactions.rating[~np.isnan(interactions.rating)]
        span = f"{rated.min():g} to {rated.max():g}, mean {rated.mean():.2f}" if len(rated) else ""
        lines.append(f"ratings: {len(rated):,} of {len(interactions):,} rows; {span or 'none'}")
    if interactions.timestamp is None:
        lines.append("no times were read: a split by time takes the order of the file")
        return lines
    lines.append(f"times: {_span(interactions.timestamp.min(), interactions.timestamp.max())}")
    ties = ties_of(interactions)
    if ties is not None and not any(str(ties) in found for found in findings(interactions)):
        lines.append(f"ties: {ties}")
    return lines


def _span(first: float, last: float) -> str:
    from advrec_tf.data.time_units import UNITS

    units = [unit for unit, bound in UNITS.items() if first >= bound]
    if not units:
        return f"{first:g} to {last:g}, which are no dates since 1973"
    scale = UNITS[units[-1]] / UNITS["seconds"]
    try:
        days = [
            datetime.datetime.fromtimestamp(time / scale, datetime.timezone.utc).date().isoformat()
            for time in (first, last)
        ]
    except (OverflowError, ValueError):
        return f"{first:g} to {last:g}, which are no dates"
    return f"{days[0]} to {days[1]}, read as {units[-1]} since 1970"


def convert(
    file: File,
    /,
    *,
    out: Path,
    table: TableFormat = TableFormat(),
    item_text_column: str | None = None,
    context_column: Names = (),
    overwrite: bool = False,
    shard_format: Literal["parquet", "tfrecord"] = "parquet",
    rows_of_a_shard: Count = 2**20,
    together: str | None = None,
) -> None:
    """Write interactions as a Parquet file, or files of any size as shards.

    `advrec data convert events.csv --user-column user --item-column product --out events.parquet`

    A file that ends in .parquet gets the columns user_id, item_id, rating, timestamp, item_text and
    those of the context, as far as they were read; rows that were left out are counted. The data
    have to fit into memory.

    Any other --out is a new folder of shards, which appears when it is complete. Its rows are those
    of the files, one block in memory at a time; the columns are all of them, or those that are
    named by --user-column and its like, then called user_id, item_id, rating and timestamp, and
    those of the context.

    Args:
        file: A CSV or TSV file (plain or .gz), a Parquet file, a MovieLens folder, or the word
            synthetic. For shards a pattern such as 'events/*.csv', too, or a folder, of CSV,
            Parquet or TFRecord files.
        out: The Parquet file to write, or the folder of shards.
        item_text_column: The column of a title or description of the item.
        context_column: The columns that describe an interaction itself.
        overwrite: Replace --out where it is a file that exists.
        shard_format: The format of shards.
        rows_of_a_shard: The rows after which a shard ends.
        together: The column of ids whose rows are not cut between two shards, as next-item models
            and GANs of profiles or sequences need those of a user. The rows have to be sorted by
            it. By default a shard ends anywhere.
    """
    if out.suffix.lower() in (".parquet", ".pq"):
        if together is not None:
            raise ValueError(
                "`--together` should be given where --out is a folder of shards. "
                f"Received: --out {out}, a single file."
            )
        _convert_whole(file, out, _given(table, item_text_column), context_column, overwrite)
        return
    if out.suffix.lower() in (".csv", ".tsv", ".gz", ".tfrecord"):
        raise ValueError(
            "`--out` should be a file that ends in .parquet, or a folder for shards. "
            f"Received: {out}."
        )
    if overwrite:
        raise ValueError(
            f"`--overwrite` should be given for a Parquet file alone. Received: {out}, a folder "
            "of shards, which has to be new."
        )
    if item_text_column is not None:
        context_column = (*context_column, item_text_column)
    settings = {
        "file_format": shard_format,
        "rows_of_a_shard": rows_of_a_shard,
        "together": together,
    }
    _convert_to_shards(file, out, table, context_column, settings)


def _convert_to_shards(
    file: Path, out: Path, table: TableFormat, more: Names, settings: dict
) -> None:
    from advrec_tf.data.streams.conversion import convert as write_again
    from advrec_tf.pipelines.progress import LOG

    given = table.given()
    named = {"user_column": "user_id", "item_column": "item_id"}
    named |= {"rating_column": "rating", "time_column": "timestamp"}
    other = [name for name in given if name not in named and name != "separator"]
    if other:
        raise ValueError(
            f"`--{other[0].replace('_', '-')}` should be given for --out FILE.parquet alone: "
            f"shards hold the values as they are. Received: --out {out}."
        )
    columns = {given[name]: to for name, to in named.items() if name in given}
    columns |= {name: name for name in more}
    done = write_again(
        file,
        out,
        columns=columns or None,
        separator=given.get("separator"),
        **settings,
        log=LOG.info,
    )
    count = len(done.shards)
    print(f"{done.rows:,} rows in {count:,} shard{'s' * (count != 1)}")
    print("columns      " + ", ".join(f"{name} ({kind})" for name, kind in done.kinds.items()))
    print(f"\nshards       {out}")
    print(f"read it with ar.data.stream({str(out)!r})")


def _convert_whole(
    file: Path, out: Path, given: dict, context_column: Names, overwrite: bool
) -> None:
    from advrec_tf.ops.files import check_output

    check_output(out, overwrite=overwrite, inputs=[file], name="--out")
    from advrec_tf.data.readers.loading import load
    from advrec_tf.pipelines.progress import LOG

    if context_column:
        given["context_columns"] = list(context_column)
    loaded = load(str(file), **given)
    LOG.info(loaded.report)
    loaded.interactions.to_parquet(out, overwrite=overwrite)
    columns = [
        f"--{name}-column {column}"
        for name, column, there in (
            ("rating", "rating", loaded.interactions.rating is not None),
            ("time", "timestamp", loaded.interactions.timestamp is not None),
            ("item-text", "item_text", loaded.interactions.item_text is not None),
        )
        if there
    ]
    print(f"\nParquet      {out}")
    print(f"read it with {' '.join(['--data', shlex.quote(str(out)), *columns])}")


def _given(table: TableFormat, item_text_column: str | None) -> dict:
    given = table.given()
    if item_text_column is not None:
        given["item_text_column"] = item_text_column
    return given


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
