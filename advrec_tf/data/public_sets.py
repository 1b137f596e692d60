"""Public data sets of recommendation: where each is published, on which terms, what it is good for.

The table alone; `fetching` downloads. None of these data is part of the package.
"""

from __future__ import annotations

import dataclasses

_MOVIELENS = "https://files.grouplens.org/datasets/movielens"

_MOVIELENS_TERMS = (
    "GroupLens, University of Minnesota: for research; no redistribution and no commercial use "
    "without permission; publications cite Harper and Konstan (2015). The whole text is the README "
    "in the archive and at https://grouplens.org/datasets/movielens/."
)
_MOVIELENS_CSV = {
    "data": "ratings.csv",
    "user_column": "userId",
    "item_column": "movieId",
    "rating_column": "rating",
    "time_column": "timestamp",
    "item_table": "movies.csv",
    "item_table_id": "movieId",
    "item_table_text": "title",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublicSet:
    """One public data set.

    Attributes:
        name: what `advrec data fetch` calls it.
        url: the file that its publisher serves, a zip archive or one gzip file.
        licence: the terms in short, and where the whole text is.
        users, items, rows: as its publisher counts them.
        megabytes: of the download, about.
        good_for: what it is used for, a sentence.
        options: option -> value with which the commands read it; `data` and the tables are paths
            inside the folder, and "." is the folder itself.
        checksum_url: the file with its MD5 that the publisher serves, or None where there is none.
    """

    name: str
    url: str
    licence: str
    users: int
    items: int
    rows: int
    megabytes: float
    good_for: str
    options: dict
    checksum_url: str | None = None


def _movielens(name: str, *, checksum: bool = True, **known) -> PublicSet:
    url = f"{_MOVIELENS}/{name}.zip"
    return PublicSet(
        name=name,
        url=url,
        licence=_MOVIELENS_TERMS,
        checksum_url=f"{url}.md5" if checksum else None,
        **known,
    )


_SETS = (
    _movielens(
        "ml-100k",
        users=943,
        items=1682,
        rows=100_000,
        megabytes=5,
        good_for="First trials and published tables: ratings, times, titles, genres, demographics.",
        options={"data": "."},
    ),
    _movielens(
        "ml-1m",
        users=6040,
        items=3706,
        rows=1_000_209,
        megabytes=6,
        good_for="The set of most papers: ratings, times, titles, genres, demographics.",
        options={"data": "."},
    ),
    _movielens(
        "ml-10m",
        users=69_878,
        items=10_677,
        rows=10_000_054,
        megabytes=63,
        good_for="Ten million ratings with times, to see what grows.",
        options={
            "data": "ratings.dat",
            "separator": "::",
            "column_names": ("user_id", "item_id", "rating", "timestamp"),
            "rating_column": "rating",
            "time_column": "timestamp",
        },
    ),
    _movielens(
        "ml-20m",
        users=138_493,
        items=26_744,
        rows=20_000_263,
        megabytes=190,
        good_for="The set of papers on autoencoders: ratings, times, titles.",
        options=_MOVIELENS_CSV,
    ),
    _movielens(
        "ml-25m",
        users=162_541,
        items=59_047,
        rows=25_000_095,
        megabytes=250,
        good_for="A large catalogue with a long tail: ratings, times, titles.",
        options=_MOVIELENS_CSV,
    ),
    _movielens(
        "ml-latest-small",
        checksum=False,
        users=610,
        items=9724,
        rows=100_836,
        megabytes=1,
        good_for="A small file in the form of the large ones, for trying out. It changes at times.",
        options=_MOVIELENS_CSV,
    ),
    PublicSet(
        name="lastfm-2k",
        url="https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip",
        licence=(
            "HetRec 2011, Last.fm: for non-commercial use; publications cite Cantador, Brusilovsky "
            "and Kuflik (2011). The whole text is the readme in the archive."
        ),
        users=1892,
        items=17_632,
        rows=92_834,
        megabytes=3,
        good_for="Listening with a long tail, without ratings and without times.",
        options={
            "data": "user_artists.dat",
            "user_column": "userID",
            "item_column": "artistID",
        },
    ),
    PublicSet(
        name="gowalla",
        url="https://snap.stanford.edu/data/loc-gowalla_totalCheckins.txt.gz",
        licence=(
            "Stanford SNAP, Gowalla: published for research without a named licence; publications "
            "cite Cho, Myers and Leskovec (2011). See https://snap.stanford.edu/data/"
            "loc-Gowalla.html."
        ),
        users=107_092,
        items=1_280_969,
        rows=6_442_892,
        megabytes=105,
        good_for="Check-ins with times and places; most papers cut it to ten check-ins a user.",
        options={
            "data": "loc-gowalla_totalCheckins.txt.gz",
            "column_names": ("user_id", "time", "latitude", "longitude", "item_id"),
            "time_column": "time",
        },
    ),
)

PUBLIC_SETS = {one.name: one for one in _SETS}
"""Name -> `PublicSet`."""
