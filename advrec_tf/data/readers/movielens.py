"""The two classic MovieLens layouts, 100K and 1M, with titles, genres and demographics.

Rows and ids go through `tables`; this module knows only the file names, the fields of the
side files, and how a title carries its year. Every file may be gzip (`u.data.gz`).
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers import files, tables
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.ids import integer_like
from advrec_tf.data.readers.report import Count, Loaded

LAYOUTS = {
    "100K": ("u.data", "u.item", "u.user", "u.genre"),
    "1M": ("ratings.dat", "movies.dat", "users.dat"),
}
_COLUMNS = ("user_id", "item_id", "rating", "timestamp")
_YEAR = re.compile(r"\(((?:18|19|20)\d\d)(?:-\d*)?\)")
_ENCODING = "latin-1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Movie:
    title: str
    genres: tuple[str, ...]
    year: float


def read_movielens(folder: str | os.PathLike) -> Loaded:
    """Reads a MovieLens 100K or 1M folder; which one is seen from the files.

    The interactions carry ratings 1 to 5, times in seconds, titles as `item_text`, and

    * item_features [num_items]: one bool column per genre, and `release_year`, float, NaN
      where the title names none;
    * user_features [num_users]: `age` float (in 1M the lowest age of a bracket; NaN where the
      user is not in the file), and `gender`, `occupation` and `zip` as str.

    Only rated movies are items; the report counts the others, and rated movies without an entry.

    Raises:
        FileNotFoundError: if the folder does not exist, or lacks files of the layout.
        DataError: if a file is not as its layout says; the message names the line.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"`folder` should be an existing directory. Received: {folder}.")
    layout, paths = _recognize(folder)
    separator = "\t" if layout == "100K" else "::"
    loaded = tables.read_table(
        paths[0],
        rating_column="rating",
        time_column="timestamp",
        column_names=_COLUMNS,
        separator=separator,
        rating_range=(1, 5),
        encoding=_ENCODING,
    )
    interactions = loaded.interactions
    if layout == "100K":
        genres = [name for _, (name, _) in _records(paths[3], "|", 2)]
        movies = _movies_100k(paths[1], genres)
    else:
        movies = _movies_1m(paths[1])
        genres = sorted({genre for movie in movies.values() for genre in movie.genres})
    interactions, absent = _joined(interactions, movies, genres, paths[2], layout)
    extra = {
        "movie without a rating, left out of the items": (
            len(movies) - interactions.num_items + absent["movies"]
        ),
        "rated movie without an entry": absent["movies"],
        "user without an entry": absent["users"],
    }
    noticed = {what: Count(number) for what, number in extra.items() if number}
    return Loaded(
        interactions=interactions,
        report=dataclasses.replace(
            loaded.report, source=str(folder), noticed={**loaded.report.noticed, **noticed}
        ),
    )


def with_side_files(interactions: Interactions, folder: str | os.PathLike) -> Interactions:
    """Interactions whose ids are those of MovieLens 1M, with the features and titles that
    `read_movielens` gives, from `movies.dat` and `users.dat` in `folder`.

    Raises:
        FileNotFoundError: if one of the two files is absent.
        DataError: if it is not as its layout says.
    """
    movies = _movies_1m(Path(folder) / "movies.dat")
    genres = sorted({genre for movie in movies.values() for genre in movie.genres})
    return _joined(interactions, movies, genres, Path(folder) / "users.dat", "1M")[0]


def _joined(interactions, movies, genres, users_path, layout) -> tuple[Interactions, dict]:
    """The rows with their side tables, and how many movies and users these do not know."""
    rows = [movies.get(item_id) for item_id in interactions.items.ids.tolist()]
    item_features = pd.DataFrame(
        {name: [bool(row) and name in row.genres for row in rows] for name in genres}
    )
    item_features["release_year"] = [np.nan if row is None else row.year for row in rows]
    user_features, unknown_users = _user_features(
        users_path, interactions.users.ids.tolist(), layout
    )
    joined = dataclasses.replace(
        interactions,
        item_text=np.array(["" if row is None else row.title for row in rows], object),
        item_features=item_features,
        user_features=user_features,
    )
    return joined, {"movies": rows.count(None), "users": unknown_users}


def read_movie_titles(path: str | os.PathLike) -> dict[int, str]:
    """{movie id: title} of a `movies.dat`, for `item_text.attach_item_text`."""
    return {movie_id: movie.title for movie_id, movie in _movies_1m(Path(path)).items()}


def read_movie_table(path: str | os.PathLike) -> pd.DataFrame:
    """A `movies.dat`: 0/1 columns a genre and `release_year`, by movie id."""
    movies = _movies_1m(Path(path))
    genres = sorted({genre for movie in movies.values() for genre in movie.genres})
    rows = {
        movie_id: [float(genre in movie.genres) for genre in genres] + [movie.year]
        for movie_id, movie in movies.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=[*genres, "release_year"])


def read_user_table(path: str | os.PathLike) -> pd.DataFrame:
    """A `users.dat`: `gender`, `age` (float) and `occupation`, by user id."""
    users = _by_id(Path(path), "::", 5, lambda fields: [fields[1], _age(fields[2]), fields[3]])
    return pd.DataFrame.from_dict(users, orient="index", columns=["gender", "age", "occupation"])


def _recognize(folder: Path) -> tuple[str, list[Path]]:
    """The layout with most of its files there, and the paths of all its files."""

    def found(name: str) -> Path | None:
        return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)

    paths = {layout: list(map(found, names)) for layout, names in LAYOUTS.items()}
    layout = min(paths, key=lambda name: paths[name].count(None) / len(paths[name]))
    missing = [name for name, path in zip(LAYOUTS[layout], paths[layout], strict=True) if not path]
    if len(missing) == len(LAYOUTS[layout]):
        expected = "; or ".join(f"{name}: {', '.join(of)}" for name, of in LAYOUTS.items())
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "no files"
        raise FileNotFoundError(
            f"{folder} should be a MovieLens folder with the files (plain or .gz) of {expected}. "
            f"Received a folder with {there}."
        )
    if missing:
        raise FileNotFoundError(
            f"{folder} looks like MovieLens {layout}, which has the files (plain or .gz) "
            f"{', '.join(LAYOUTS[layout])}. Missing: {', '.join(missing)}."
        )
    return layout, paths[layout]


def _records(path: Path, separator: str, num_fields: int) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each line that is not blank."""
    with files.open_text(path, encoding=_ENCODING) as text:
        for number, line in enumerate(files.bounded_lines(str(path), text), start=1):
            line = line.rstrip("\r\n")
            if not line.strip():
                continue
            fields = line.split(separator)
            if len(fields) != num_fields:
                raise DataError(
                    f"{path}, line {number}: expected {num_fields} fields split at "
                    f"{separator!r}. Received {len(fields)}: {line[:80]!r}."
                )
            yield number, fields


def _by_id(
    path: Path, separator: str, num_fields: int, make: Callable[[list[str]], object]
) -> dict[int, object]:
    """{the integer in the first field: what `make` makes of the fields}."""
    entries: dict[int, object] = {}
    for line, fields in _records(path, separator, num_fields):
        if not integer_like([fields[0]])[0] or int(fields[0]) in entries:
            expected = "an integer id that no earlier line has"
            raise files.fault(str(path), f"line {line}", "id", expected, fields[0])
        try:
            entries[int(fields[0])] = make(fields)
        except ValueError as error:
            raise DataError(f"{path}, line {line}: {error}.") from error
    return entries


def _movies_1m(path: Path) -> dict[int, _Movie]:
    def movie(fields: list[str]) -> _Movie:
        return _Movie(title=fields[1], genres=tuple(fields[2].split("|")), year=_year(fields[1]))

    return _by_id(path, "::", 3, movie)


def _movies_100k(path: Path, genres: list[str]) -> dict[int, _Movie]:
    def movie(fields: list[str]) -> _Movie:
        title, released, flags = fields[1], fields[2], fields[5:]
        if not set(flags) <= {"0", "1"}:
            raise ValueError(f"expected genre flags 0 or 1. Received: {'|'.join(flags)!r}")
        year = _year(title)
        if np.isnan(year) and released[-4:].isdecimal():  # such as 01-Jan-1995
            year = float(released[-4:])
        marked = tuple(name for name, flag in zip(genres, flags, strict=True) if flag == "1")
        return _Movie(title=title, genres=marked, year=year)

    return _by_id(path, "|", 5 + len(genres), movie)


def _age(text: str) -> float:
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"expected an age in years. Received: {text!r}")
    return float(text)


def _year(title: str) -> float:
    """The last year in brackets, as in "Toy Story (1995)"; NaN where there is none."""
    years = _YEAR.findall(title)
    return float(years[-1]) if years else np.nan


def _user_features(path: Path, user_ids: list[int], layout: str) -> tuple[pd.DataFrame, int]:
    """One row per user id, and how many of them the file does not know."""
    if layout == "100K":
        names, separator = ("age", "gender", "occupation", "zip"), "|"
    else:
        names, separator = ("gender", "age", "occupation", "zip"), "::"

    def features(fields: list[str]) -> dict:
        entry = dict(zip(names, fields[1:], strict=True))
        return {**entry, "age": _age(entry["age"])}

    users = _by_id(path, separator, 5, features)
    unknown = {"age": np.nan, "gender": "", "occupation": "", "zip": ""}
    rows = [users.get(user_id, unknown) for user_id in user_ids]
    table = pd.DataFrame(rows, columns=["age", "gender", "occupation", "zip"])
    return table, sum(row is unknown for row in rows)
