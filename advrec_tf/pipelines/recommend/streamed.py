"""Preparation of a run on shards: the ids are counted, and some users' rows held for evaluation.

What is held while a model trains: both vocabularies with their counts, a window of rows, the rows
of the users that are evaluated, and the tables of the model. Filters that look at all rows, side
tables and models that read histories need interactions in memory, and are refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from advrec_tf.data import audit
from advrec_tf.data.readers.report import Count, ReadReport
from advrec_tf.data.split_parts import Split
from advrec_tf.data.streams.counted import counted
from advrec_tf.data.streams.holding import PER_USER, StreamSplit, hold_out
from advrec_tf.data.streams.stream import stream
from advrec_tf.data.streams.vocabularies import CountedIds, count_ids
from advrec_tf.data.time_units import without_unit
from advrec_tf.pipelines.progress import LOG
from advrec_tf.pipelines.recommend.gan_settings import GanSettings
from advrec_tf.pipelines.recommend.preparation import Prepared
from advrec_tf.pipelines.recommend.settings import NEXT_ITEM
from advrec_tf.pipelines.recommend.single_settings import SingleSettings

StreamedSettings = SingleSettings | GanSettings
"""Of jobs that read shards."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class PreparedStream(Prepared):
    """`Prepared`, with the vocabularies, which are kept beside the model, and the column of times
    that orders the rows of a user, or None for the order of the files."""

    ids: CountedIds
    time_column: str | None = None


def require_streamed(settings: StreamedSettings) -> None:
    """Refuse settings that need all interactions in memory.

    Raises:
        ValueError: naming the first of them.
    """
    columns = [getattr(settings, name, False) for name in ("use_features", "use_context")]
    refused = (
        ("split", settings.split, settings.split not in PER_USER, f"one of {', '.join(PER_USER)}"),
        ("minimum_rating", settings.minimum_rating, settings.minimum_rating is not None, "absent"),
        ("k_core", settings.k_core, settings.k_core > 0, "0"),
        ("use_features", *columns[:1] * 2, "off"),
        ("use_context", *columns[1:] * 2, "off"),
        (
            "model",
            settings.model,
            settings.model in (*NEXT_ITEM, "autoencoder"),
            "two_tower, factorization or auto",
        ),
    )
    for name, value, wrong, expected in refused:
        if wrong:
            raise ValueError(
                f"`{name}` should be {expected} for shards, whose rows are not held in memory. "
                f"Received: {value!r}. A file of its own is read whole."
            )


def prepare_stream(
    source: str | Sequence[str], columns: Mapping[str, str], settings: StreamedSettings
) -> PreparedStream:
    """Open, count and split shards; whatever is left out is counted.

    Args:
        source: as `data.stream` takes it.
        columns: `user_column` and `item_column`, and perhaps `time_column` and `separator`.
        settings: of the run.

    Raises:
        ValueError, OSError: as the stream, the counting, the split and `require_streamed` say.
    """
    require_streamed(settings)
    names = {"user_column": "user_id", "item_column": "item_id"} | dict(columns)
    user_column, item_column = names["user_column"], names["item_column"]
    time_column = names.get("time_column")
    opened = stream(
        source,
        columns=list(dict.fromkeys(filter(None, (user_column, item_column, time_column)))),
        separator=names.get("separator"),
        seed=settings.seed,
    )
    ids = count_ids(opened, user_column=user_column, item_column=item_column)
    whole = counted(opened, ids, time_column=time_column)
    report = ReadReport(
        source=str(source),
        place="row",
        rows_read=len(opened),
        rows_kept=len(whole),
        num_users=whole.num_users,
        num_items=whole.num_items,
        left_out={why: Count(number) for why, number in whole.left_out.items()},
        noticed={},
        notes=(f"{_shards(len(opened.shards))}, read block by block",),
    )
    LOG.info(report)
    split = hold_out(
        whole, settings.split, time_column=time_column, ties=settings.ties, seed=settings.seed
    )
    LOG.info(
        f"  evaluated on {split.settings['evaluated_users']:,} users, whose {len(split.held):,} "
        "training rows are held"
    )
    times = split.held.timestamp
    if times is not None and (said := without_unit(times)) is not None:
        LOG.info(f"  note: {said}")
    counts = {
        "read": report.as_dict(),
        "users": whole.num_users,
        "items": whole.num_items,
        "rows": len(whole),
        "train_rows": len(split.train),
        "validation_rows": len(split.validation),
        "test_rows": len(split.test),
    }
    return PreparedStream(
        split=split,
        counts=counts,
        audit=audit.audit(_held(split)),
        ids=ids,
        time_column=time_column,
    )


def _shards(count: int) -> str:
    return f"{count:,} shard" + ("s" if count != 1 else "")


def _held(split: StreamSplit) -> Split:
    """The split of the evaluated users alone, which an audit can read."""
    return Split(
        name=split.name,
        train=split.held,
        validation=split.validation,
        test=split.test,
        settings=split.settings,
    )
