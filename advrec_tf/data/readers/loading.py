"""`load`: the one function that reads interactions from any source.

It only chooses the reader; `tables`, `frames`, `movielens` and `synthetic` do the reading.
Published splits come through `published_splits`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from advrec_tf.data.readers import frames, movielens, tables
from advrec_tf.data.readers.report import Loaded, report_of

SYNTHETIC = "synthetic"


def load(source: str | os.PathLike | pd.DataFrame, **columns) -> Loaded:
    """Interactions and their report from a table, a MovieLens folder, or "synthetic".

    Args:
        source: a CSV or TSV file for `tables.read_table`; a Parquet file (by its name,
            .parquet or .pq) for `frames.read_parquet`; a pandas DataFrame or pyarrow Table for
            `frames.from_frame`; a folder for `movielens.read_movielens`; or the word
            "synthetic".
        **columns: keyword arguments of the reader, or of `synthetic.make_world`; a folder takes
            none.

    Raises:
        FileNotFoundError: if `source` is none of these.
        DataError, ValueError: as the reader says.

    Examples:
        >>> import pandas as pd
        >>> import advrec_tf as ar
        >>> events = pd.DataFrame({"who": ["a", "a", "b"], "what": ["x", "y", "x"]})
        >>> ar.data.load(events, user_column="who", item_column="what").interactions
        Interactions(3 of 2 users and 2 items)
    """
    if isinstance(source, pd.DataFrame) or hasattr(source, "column_names"):
        return frames.from_frame(source, **columns)
    if source == SYNTHETIC:
        from advrec_tf.data import synthetic  # only here: most runs never need it

        world = synthetic.make_world(**columns)
        return Loaded(
            interactions=world.interactions,
            report=report_of(world.interactions, SYNTHETIC),
            best_scores=world.best_scores,
        )
    path = Path(source)
    if path.is_dir():
        if columns:
            raise ValueError(
                "`columns` should be empty for a MovieLens folder, whose columns are known. "
                f"Received: {', '.join(columns)}."
            )
        return movielens.read_movielens(path)
    if not path.exists():
        raise FileNotFoundError(
            f"`source` should be {SYNTHETIC!r}, a MovieLens folder, or a CSV, TSV or Parquet "
            f"file. Received a path where nothing is: {path}."
        )
    if path.suffix.lower() in (".parquet", ".pq"):
        return frames.read_parquet(path, **columns)
    return tables.read_table(path, **columns)
