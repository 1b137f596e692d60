"""`load`: one door to every source of interactions, for scripts.

It only chooses the reader; `tables`, `movielens` and `synthetic` do the reading. Published
splits come through `benchmarks`.
"""

from __future__ import annotations

import os
from pathlib import Path

from advrec_tf.data.readers import movielens, tables
from advrec_tf.data.readers.report import Loaded, report_of

SYNTHETIC = "synthetic"


def load(source: str | os.PathLike, **columns) -> Loaded:
    """Interactions and their report from "synthetic", a MovieLens folder, or a table file.

    Args:
        source: the word "synthetic"; or a folder for `movielens.read_movielens`; or a CSV or
            TSV file for `tables.read_table`.
        **columns: keyword arguments of `synthetic.make_world` or of `read_table`; a folder
            takes none.

    Raises:
        FileNotFoundError: if `source` is none of these.
        DataError, ValueError: as the reader says.
    """
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
            f"`source` should be {SYNTHETIC!r}, a MovieLens folder, or a CSV or TSV file. "
            f"Received a path where nothing is: {path}."
        )
    return tables.read_table(path, **columns)
