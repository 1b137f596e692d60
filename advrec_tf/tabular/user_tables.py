"""A table of users: their features, joined with statistics of their interactions.

Made from `Interactions` with their side tables; a row a user. What is done with such a table
is left to the generators.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions

_NOT_GENRES = ("release_year", "year")
_LATEST = 95_617_584_000.0  # the year 5000 in seconds


def user_table(interactions: Interactions, *, without: tuple[str, ...] = ("zip",)) -> pd.DataFrame:
    """One row a user with at least one interaction.

    Columns: the user features apart from `without`; `interactions`, `active_days` (distinct
    days), `first_day`, `mean_popularity` (mean log10 of the rows of the user's items); and
    where the data has them `mean_rating`, `rating_deviation`, `favorite_genre` (that most of
    the user's items have) and `mean_year` of the items.
    """
    users = interactions.user_index
    counts = interactions.user_counts()
    present = np.flatnonzero(counts)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(users, values, minlength=len(counts))[present] / counts[present]

    table = {}
    if interactions.user_features is not None:
        for name in interactions.user_features:
            if name not in without:
                table[str(name)] = interactions.user_features[name].to_numpy()[present]
    table["interactions"] = counts[present]
    if interactions.timestamp is not None:
        latest = np.nanmax(np.abs(interactions.timestamp), initial=0.0)
        if latest >= _LATEST:
            raise ValueError(
                "`interactions` should have times in seconds since 1970 for a table of days. "
                f"Received {latest:.0f}, which is later than the year 5000: are these "
                "milliseconds? Divide them by 1000."
            )
        day = np.floor(interactions.timestamp / 86_400).astype(np.int64)
        pairs = np.unique(np.stack([users, day], 1), axis=0)
        table["active_days"] = np.bincount(pairs[:, 0], minlength=len(counts))[present]
        first = np.full(len(counts), np.iinfo(np.int64).max)
        np.minimum.at(first, users, day)
        table["first_day"] = first[present].astype("datetime64[D]").astype("datetime64[s]")
    popularity = np.log10(interactions.item_counts()[interactions.item_index])
    table["mean_popularity"] = np.round(mean(popularity), 2)
    if interactions.rating is not None:
        rating = interactions.rating.astype(np.float64)
        rated = ~np.isnan(rating)
        number = np.bincount(users, rated, minlength=len(counts))[present]
        rating = np.where(rated, rating, 0.0)
        with np.errstate(invalid="ignore"):  # a user without any rating has no mean
            means = np.bincount(users, rating, minlength=len(counts))[present] / number
            squares = np.bincount(users, rating**2, minlength=len(counts))[present] / number
        table["mean_rating"] = np.round(means, 2)
        spread = squares - means**2
        table["rating_deviation"] = np.round(np.sqrt(np.maximum(spread, 0)), 2)
    features = interactions.item_features
    if features is not None:
        genres = [n for n in features if n not in _NOT_GENRES]
        flags = features[genres].to_numpy(np.float64)
        totals = np.stack(
            [
                np.bincount(users, column, minlength=len(counts))
                for column in flags[interactions.item_index].T
            ],
            1,
        )[present]
        names = [n.removeprefix("genre_") for n in genres]
        table["favorite_genre"] = np.array(names, object)[totals.argmax(1)]
        year = next((n for n in _NOT_GENRES if n in features), None)
        if year is not None:
            values = features[year].to_numpy(np.float64)
            values = np.where(np.isnan(values), np.nanmean(values), values)
            table["mean_year"] = np.round(mean(values[interactions.item_index]), 1)
    return pd.DataFrame(table)
