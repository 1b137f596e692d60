"""Windows on histories from shards that hold each user's rows in one place: next-item models.

Rows of one user have to stand together in one shard, as after a sort by user; that is checked, and
what stands elsewhere is an error. The windows are those of `data.windows`, cut from a block of
users at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import numpy as np
import tensorflow as tf

from advrec_tf.data.batches import Batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams.batches import of_epochs
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.data.streams.encoding import Encoder, require_times
from advrec_tf.data.streams.hashed import HashedVocabulary
from advrec_tf.data.streams.stream import Arrays
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.data.windows import training_windows


def stream_windows(
    data: CountedInteractions,
    *,
    length: int,
    batch_size: int,
    kind: Literal["whole", "prefixes"] = "whole",
    time_column: str | None = None,
    seed: int = 0,
) -> Batches:
    """Batches for next-item models: `history` [batch, length + 1] int32, `NONE` before the first
    item, `user_index` [batch] int32, and `weight` and `seed` as `windows.of_windows` has them.

    Shards come in an order of (seed, epoch), and windows are shuffled among those of about
    `Stream.window` rows. Training that goes on after an epoch of `fit` reads the epoch of the
    stream from its start, and passes over what it has had.

    Args:
        data: of a stream whose shards hold each user's rows together.
        length: items that a model reads, >= 1.
        batch_size: windows of a batch, >= 1.
        kind: see `windows.training_windows`.
        time_column: orders the rows of a user, equal times by the rule of the interactions; None
            for the order of the file.
        seed: added to that of the stream, for the order; and of the seeds of the batches.

    Raises:
        ValueError: if a number is < 1, `kind` is unknown, nobody has two rows, or ids are hashed,
            see `require_exact_ids`.
        MissingColumnError: if the shards lack the column of times.
        DataError: if it holds text or booleans, or is that of the users or items.
        tf.errors.OpError: in the iteration, with the sentence of a `DataError`, where the rows of a
            user stand in two places.
    """
    if length < 1 or kind not in ("whole", "prefixes"):
        raise ValueError(
            "`length` should be >= 1 and `kind` 'whole' or 'prefixes'. "
            f"Received: {length!r} and {kind!r}."
        )
    require_times(data.stream, data.ids, time_column)
    every = length if kind == "whole" else 1
    count = int(np.maximum(-(-(data.user_counts() - 1) // every), 0).sum())

    def windows_of(chunk: Interactions, users: np.ndarray) -> Arrays:
        found = training_windows(chunk, length, kind=kind)
        return {"history": found.items, "user_index": users[found.user_index]}

    return batches_of_users(
        data,
        windows_of,
        {"history": [length + 1], "user_index": []},
        count=count,
        cells=length + 1,
        batch_size=batch_size,
        time_column=time_column,
        seed=seed,
    )


def batches_of_users(
    data: CountedInteractions,
    examples: Callable[[Interactions, np.ndarray], Arrays],
    shapes: Mapping[str, list[int]],
    *,
    count: int,
    cells: int,
    batch_size: int,
    seed: int,
    time_column: str | None = None,
    least: int = 2,
) -> Batches:
    """Batches of examples that are made of whole users, see `shuffled_examples`.

    Args:
        data, examples, cells, time_column, least: of `shuffled_examples`.
        shapes: column name -> the shape of an example's int32 values.
        count: examples of an epoch.
        batch_size: of `of_epochs`.
        seed: added to that of the stream, for the order; and of the seeds of the batches.

    Raises:
        ValueError: if there is no example, `batch_size` < 1, or ids are hashed, see
            `require_exact_ids`.
    """
    require_exact_ids(data, time_column)

    def epoch(number: int, row: int) -> Iterator[Arrays]:
        return shuffled_examples(
            data,
            examples,
            order=(data.stream.seed + seed, number),
            row=row,
            cells=cells,
            time_column=time_column,
            least=least,
        )

    columns = {name: tf.TensorSpec([None, *shape], tf.int32) for name, shape in shapes.items()}
    return of_epochs(
        epoch, columns, count=count, batch_size=batch_size, seed=seed, steps_per_epoch=None
    )


def require_exact_ids(data: CountedInteractions, time_column: str | None) -> None:
    """Refuse hashed ids where rows are taken together by user.

    Raises:
        ValueError: if users are hashed, of whom two may share a bucket, so that the rows of the two
            would be those of one user; or items are and rows are ordered by time, where equal times
            go by the ids of the items.
    """
    if isinstance(data.users, HashedVocabulary):
        raise ValueError(
            "`data` should have users that were counted exactly, by `count_ids` without "
            "`user_buckets`: of hashed ones two may share a bucket, and their rows would be taken "
            f"for those of one. Received {len(data.users):,} buckets."
        )
    if time_column is not None and isinstance(data.items, HashedVocabulary):
        raise ValueError(
            "`time_column` should be None for items that are hashed, since equal times are ordered "
            "by the ids of the items: sort the rows of each user by time in the shards. "
            f"Received: {time_column!r}."
        )


def require_together(data: CountedInteractions) -> None:
    """Refuse shards that do not hold the rows of each user together; reads them once.

    Raises:
        DataError: if the rows of a user stand in two places; it names the user and the shard.
        ValueError: as `require_exact_ids`.
    """
    require_exact_ids(data, None)
    for _ in users_in_order(data, None, np.arange(len(data.stream.shards)), 1):
        pass


def shuffled_examples(
    data: CountedInteractions,
    examples: Callable[[Interactions, np.ndarray], Arrays],
    *,
    order: tuple[int, int],
    row: int,
    cells: int,
    time_column: str | None = None,
    least: int = 2,
) -> Iterator[Arrays]:
    """An epoch of examples that are made of whole users: the shards are shuffled, and so are the
    examples among those of about `Stream.window` cells.

    Args:
        data: of a stream whose shards hold each user's rows together.
        examples: the rows of some users, who are 0, 1, ... in them, and which users these are ->
            column name -> [n, ...] values.
        order: (seed, number of the epoch).
        row: examples that are passed over.
        cells: numbers that an example holds.
        time_column: orders the rows of a user; None for the order of the file.
        least: rows of a user who is not left out.

    Raises:
        DataError: if a user's rows stand in two places.
    """
    shards = np.random.default_rng([*order, 0]).permutation(len(data.stream.shards))
    waiting: list[Arrays] = []
    drawn = 0
    for chunk, users in users_in_order(data, time_column, shards, least):
        if chunk is not None:
            waiting.append(examples(chunk, users))
        held = sum(len(part["user_index"]) for part in waiting) * cells
        if not waiting or (chunk is not None and held < data.stream.window):
            continue
        drawn += 1
        columns = {name: np.concatenate([part[name] for part in waiting]) for name in waiting[0]}
        size = len(columns["user_index"])
        places = np.random.default_rng([*order, drawn]).permutation(size)[row:]
        row = max(row - size, 0)
        waiting = []
        if len(places):
            yield {name: values[places] for name, values in columns.items()}


def users_in_order(
    data: CountedInteractions, time_column: str | None, shards: np.ndarray, least: int
) -> Iterator[tuple[Interactions | None, np.ndarray]]:
    """The rows of some users at a time, who are 0, 1, ... in them, and which users these are; users
    of fewer rows than `least` are left out. The last element is None.

    Args:
        data: of a stream whose shards hold each user's rows together.
        time_column: orders the rows of a user; None for the order of the file.
        shards: the numbers of those that are read, one after the other.
        least: rows of a user who is not left out, >= 1.

    Raises:
        DataError: if a user's rows stand in two places.
    """
    own = data.encoder
    encoder = Encoder(own.ids, own.kinds, None, own.withheld, time_column, own.required_time)
    met = np.zeros(data.num_users, bool)
    for shard in shards.tolist():
        kept: dict[str, np.ndarray] = {}
        for block in (*data.stream.blocks_of(shard), None):
            found = {} if block is None else dict(encoder(data.stream.read(block)))
            joined = {
                name: np.concatenate([part[name] for part in (kept, found) if part])
                for name in found or kept
            }
            users = joined.get("user_index", np.zeros(0, np.int32))
            # The rows of the last user may go on in the next block.
            other = np.flatnonzero(users != users[-1]) if len(users) else users
            cut = len(users) if block is None else int(other[-1]) + 1 if len(other) else 0
            whole = {name: values[:cut] for name, values in joined.items()}
            kept = {name: values[cut:] for name, values in joined.items()}
            if cut:
                yield from _grouped(data, whole, met, data.stream.shards[shard].path, least)
    yield None, np.zeros(0, np.int32)


def _grouped(
    data: CountedInteractions, rows: dict[str, np.ndarray], met: np.ndarray, path: str, least: int
) -> Iterator[tuple[Interactions, np.ndarray]]:
    users = rows["user_index"]
    first = np.diff(users, prepend=-1) != 0
    group = users[first]
    again = met[group]
    again[np.setdiff1d(np.arange(len(group)), np.unique(group, return_index=True)[1])] = True
    if again.any():
        user, name = data.users.ids[group[again]].tolist()[0], data.ids.users.name
        raise DataError(
            f"{path}, column {name!r}: expected all rows of a user together in one shard. Received "
            f"rows of {user!r} in two places: either the rows are not sorted by {name!r}, or a "
            "shard ends among the rows of a user. Sort the rows, then write them by "
            f"`convert(..., together={name!r})` or `advrec data convert --together {name}`."
        )
    met[group] = True
    local = np.cumsum(first, dtype=np.int32) - np.int32(1)
    several = np.bincount(local)[local] >= least
    if not several.any():
        return
    yield (
        Interactions(
            user_index=local[several],
            item_index=rows["item_index"][several],
            users=Vocabulary(data.users.ids[group]),
            items=data.items,
            timestamp=rows["timestamp"][several] if "timestamp" in rows else None,
            ties=data.ties,
        ),
        group,
    )
