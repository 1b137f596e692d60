"""Readers of published splits, so that a figure can stand beside a published one.

Only reading code: the files are their authors' and are found under `root`. Ids are the files'
own integers from 0, and so are the indices. The protocols that go with the figures are left to
the evaluation.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from advrec_tf.data import splits
from advrec_tf.data.readers import columns, files, records
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.splits import Split
from advrec_tf.data.vocabulary import Vocabulary

ROOT_VARIABLE = "ADVREC_DATA"
DEFAULT_ROOT = "../shared/data"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Published:
    """Where the files of one split lie, and what their authors' code says about them."""

    train: str
    test: str
    validation: str | None = None
    lists: bool = False  # lines "user item item ...", else "user item[ rating ...]"
    positive_from: float | None = None  # rows rated lower are no positives
    num_users: int | None = None  # where ids without a row count too
    num_items: int | None = None


def _lists(folder: str) -> _Published:
    train, validation, test = (f"{folder}/{part}.txt.gz" for part in ("train", "valid", "test"))
    return _Published(train=train, validation=validation, test=test, lists=True)


BENCHMARKS = {
    "irgan-ml100k": _Published(
        train="irgan-ml100k/movielens-100k-train.txt",
        test="irgan-ml100k/movielens-100k-test.txt",
        positive_from=4,
        num_users=943,
        num_items=1683,  # ITEM_NUM of the authors' code, one more than there are
    ),
    "apr-loo-ml100k": _Published(
        train="apr-loo/movielens100k/trainingset.tsv.gz",
        test="apr-loo/movielens100k/testset.tsv.gz",
    ),
    "apr-loo-amazon": _Published(
        train="apr-loo/amazon/trainingset.tsv.gz", test="apr-loo/amazon/testset.tsv.gz"
    ),
    "ml1m-neumf-loo": _Published(
        train="ml-1m/neumf-loo/ml-1m.train.pairs.gz", test="ml-1m/neumf-loo/ml-1m.test.rating.gz"
    ),
    "cfgan-ml100k": _Published(train="cfgan/ML100K/ML100K.train", test="cfgan/ML100K/ML100K.test"),
    "gowalla": _lists("gowalla"),
    "lightgcnpp-ml1m": _lists("lightgcnpp/ml-1m"),
    "lightgcnpp-lastfm": _lists("lightgcnpp/lastfm"),
}


def data_root(root: str | os.PathLike | None = None) -> Path:
    """`root`, or else the variable ADVREC_DATA, or else ../shared/data.

    Raises:
        FileNotFoundError: if no directory is there.
    """
    chosen = Path(root or os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT)
    if not chosen.is_dir():
        raise FileNotFoundError(
            "`root` should be the directory of the published data sets; without it the "
            f"environment variable {ROOT_VARIABLE} is used, then {DEFAULT_ROOT}. "
            f"Received: {chosen}, where no directory is."
        )
    return chosen


def load_benchmark(name: str, root: str | os.PathLike | None = None) -> Split:
    """The published split `name`, one of `BENCHMARKS`; its validation part is empty where the
    authors published none.

    Raises:
        ValueError: if there is no such split.
        FileNotFoundError: if the root or a file of the split is absent.
        DataError: if a file is not as published.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"`name` should be one of {', '.join(BENCHMARKS)}. Received: {name!r}.")
    published, root = BENCHMARKS[name], data_root(root)

    def read(part: str | None):
        if part is None:
            return None
        if not (root / part).exists():
            raise FileNotFoundError(
                f"{name} should have its file {part} below {root}, which `root` or the environment "
                f"variable {ROOT_VARIABLE} names. Received a folder without it."
            )
        reader = _read_lists if published.lists else _read_pairs
        return reader(root / part, published.positive_from)

    train, validation, test = map(read, (published.train, published.validation, published.test))
    settings = {"source": published.train}
    if published.positive_from is not None:
        settings["positive_from"] = published.positive_from
    return splits.from_parts(
        train,
        validation,
        test,
        name,
        users=_range(published.num_users),
        items=_range(published.num_items),
        settings=settings,
    )


def _range(size: int | None) -> Vocabulary | None:
    return None if size is None else Vocabulary(np.arange(size))


def read_rows(
    path: str | os.PathLike, names: Sequence[str], *, more: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """Lines of white space between a user, an item and, where `names` has three, a rating.

    Args:
        path: the file, plain or gzip.
        names: of the fields, for messages.
        more: whether further fields may follow, as many on each line.

    Returns:
        [n, 2] int64 of user and item, and [n] float64 of finite ratings, or None without.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: at the first line with another number of fields, or with what is no number.
    """
    source, lines, rows, width = str(path), [], [], None
    for line, fields in records.read_lines(path):
        if width is None and (len(fields) == len(names) or (more and len(fields) > len(names))):
            width = len(fields)
        if len(fields) != width:
            expected = f"{width or len(names)} fields, `{' '.join(names)}{' ...' if more else ''}`"
            raise DataError(
                f"{source}, line {line}: expected {expected}. Received {len(fields)}: "
                f"{fields[:6]!r}."
            )
        lines.append(line)
        rows.append(fields[: len(names)])
    if not rows:
        raise DataError(f"{source}: expected lines `{' '.join(names)}`. Received none.")
    texts = list(zip(*rows, strict=True))
    pairs = [columns.indices(texts[i], lines, source=source, column=names[i]) for i in range(2)]
    if len(names) < 3:
        return np.stack(pairs, axis=1), None
    place = _line_of(lines)
    ratings = columns.numbers(texts[2], source=source, column=names[2], place=place, missing=())
    if np.isnan(ratings).any():
        row = int(np.isnan(ratings).argmax())
        raise files.fault(source, place(row), names[2], "a number", texts[2][row])
    return np.stack(pairs, axis=1), ratings


def _line_of(lines: Sequence[int]) -> columns.Place:
    return lambda row: f"line {lines[row]}"


def _read_pairs(path: Path, positive_from: float | None) -> np.ndarray:
    """[rows, 2] int64 of lines "user item[ rating ...]", positives only."""
    if positive_from is None:
        return read_rows(path, ("user", "item"), more=True)[0]
    pairs, ratings = read_rows(path, ("user", "item", "rating"), more=True)
    return pairs[ratings >= positive_from]


def _read_lists(path: Path, _: None) -> np.ndarray:
    """[rows, 2] int64 of lines "user item item ..."."""
    lines, texts, counts = [], [], []
    for line, fields in records.read_lines(path):
        lines += [line] * len(fields)
        texts += fields
        counts.append(len(fields))
    if not texts:
        raise DataError(f"{path}: expected lines `user item item ...`. Received none.")
    numbers = columns.indices(texts, lines, source=str(path), column="id")
    fields = np.array(counts)
    starts = np.cumsum(fields) - fields
    is_item = np.ones(len(numbers), bool)
    is_item[starts] = False
    users = np.repeat(numbers[starts], fields - 1)
    return np.stack([users, numbers[is_item]], axis=1)
