"""Readers of published sequences: interactions in order, as the papers on next items cut them.

The files are their authors' and are found under `root`, as those of `published_splits`. Where a
file has no times the order is that of its lines; where it has, a missing time is NaN
(`filters.with_times`). Splits are left to `data.splits`, apart from those of sessions, whose parts
are files.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data import split_parts
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers import assembly, ids, records, tables
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.published_splits import ROOT_VARIABLE, data_root
from advrec_tf.data.split_parts import Split
from advrec_tf.data.vocabulary import Vocabulary

LISTS = {
    "s3-beauty": "s3-amazon/beauty.txt.gz",
    "s3-sports": "s3-amazon/sports.txt.gz",
    "bert4rec-beauty": "bert4rec-beauty/beauty.txt.gz",
    "ml1m-5core": "ml-1m/sequences-5core.txt.gz",
}
"""Name -> file of lines `user item [item ...]`, in the order of time, without times."""

TIMED = {
    "s3-beauty-times": "s3-amazon/beauty_times.csv.gz",
    "amazon-phones": "amazon-phones/interactions.csv.gz",
}
"""Name -> table with the columns user, item and time in seconds, some of them missing."""

SESSIONS = {"rsc15-100k": ("rsc15-100k/train_full.txt.gz", "rsc15-100k/test.txt.gz")}
"""Name -> tables of the sessions to train on and of those to test, SessionId, ItemId and Time."""


def load_sequences(name: str, root: str | os.PathLike | None = None) -> Interactions:
    """The published sequences `name`, one of `LISTS` and `TIMED`.

    Raises:
        ValueError: if there are none of that name.
        FileNotFoundError: if the root or the file is absent.
        DataError: if the file is not of its form, with the line.
    """
    if name not in (*LISTS, *TIMED):
        known = ", ".join((*LISTS, *TIMED))
        raise ValueError(f"`name` should be one of {known}. Received: {name!r}.")
    if name in LISTS:
        return _read_lists(_file(name, LISTS[name], root))
    return _read_times(_file(name, TIMED[name], root))


def load_sessions(name: str, root: str | os.PathLike | None = None) -> Split:
    """The published sessions `name`, one of `SESSIONS`: users of the split are sessions.

    Validation is empty. Items of test that train does not have are at the end of the vocabulary.

    Raises:
        ValueError, FileNotFoundError, DataError: as `load_sequences`.
    """
    if name not in SESSIONS:
        known = ", ".join(SESSIONS)
        raise ValueError(f"`name` should be one of {known}. Received: {name!r}.")
    parts = [
        tables.read_table(
            _file(name, path, root),
            user_column="SessionId",
            item_column="ItemId",
            time_column="Time",
        ).interactions
        for path in SESSIONS[name]
    ]
    vocabularies = [
        Vocabulary(pd.unique(np.concatenate([getattr(part, kind).ids for part in parts])))
        for kind in ("users", "items")
    ]
    users, items = (
        np.concatenate(
            [vocabulary.index_of(getattr(part, kind).ids)[getattr(part, index)] for part in parts]
        )
        for vocabulary, kind, index in zip(
            vocabularies, ("users", "items"), ("user_index", "item_index"), strict=True
        )
    )
    whole = Interactions(
        user_index=users,
        item_index=items,
        users=vocabularies[0],
        items=vocabularies[1],
        timestamp=np.concatenate([part.timestamp for part in parts]),
    )
    test = np.repeat([False, True], [len(part) for part in parts])
    return split_parts.cut(name, whole, ~test & test, test, {"source": SESSIONS[name][0]})


def _file(name: str, path: str, root: str | os.PathLike | None) -> Path:
    root = data_root(root)
    if not (root / path).exists():
        raise FileNotFoundError(
            f"{name} should have its file {path} below {root}, which `root` or the environment "
            f"variable {ROOT_VARIABLE} names. Received a folder without it."
        )
    return root / path


def _read_lists(path: Path) -> Interactions:
    lines, users, items, counts = [], [], [], []
    for line, (user, *listed) in records.read_lines(path):
        if not listed:
            raise DataError(
                f"{path}, line {line}: expected `user item [item ...]`. Received a user alone: "
                f"{user!r}."
            )
        lines.append(line)
        users.append(user)
        items += listed
        counts.append(len(listed))
    if not users:
        raise DataError(f"{path}: expected lines `user item [item ...]`. Received none.")

    def coded(texts, what: str, positions, repeats=1) -> ids.Ids:
        coder = ids.IdCodes()
        codes = ids.encode_ids(
            coder,
            texts,
            source=str(path),
            column=what,
            place=lambda row: f"line {positions[row]}",
        )
        return coder.column(np.repeat(codes, repeats))

    positions = np.repeat(lines, counts)
    parsed = assembly.Parsed(
        source=str(path),
        place="line",
        positions=positions,
        users=coded(users, "user", lines, counts),
        items=coded(items, "item", positions),
    )
    return assembly.assemble(parsed, assembly.table_settings({})).interactions


def _read_times(path: Path) -> Interactions:
    """The time is read as a column of the context, whose missing values leave no row out."""
    data = tables.read_table(
        path, user_column="user", item_column="item", context_columns=("time",)
    ).interactions
    assert data.context is not None
    time = data.context["time"].to_numpy(np.float64)
    return dataclasses.replace(data, timestamp=time, context=None)
