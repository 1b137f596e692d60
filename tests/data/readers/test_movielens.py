import gzip

import numpy as np
import pytest

from advrec_tf.data import metadata
from advrec_tf.data.readers import movielens, tables
from advrec_tf.data.readers.files import DataError

RATINGS = "1::10::5::978300760\n2::20::4::978300761\n3::10::1::978300762\n"
MOVIES = (
    "10::Misérables, Les: Part 2 (1995)::Drama|Musical\n"
    "20::Nameless::Children's\n"
    "30::Never Rated (1920)::Western\n"
)
USERS = "1::F::1::10::48067\n2::M::56::16::00070\n"


def million(folder, **replaced):
    contents = {"ratings": RATINGS, "movies": MOVIES, "users": USERS, **replaced}
    for name, text in contents.items():
        if text is not None:
            (folder / f"{name}.dat").write_bytes(text.encode("latin-1"))
    return folder


def test_a_1m_folder_is_read_with_titles_genres_years_and_demographics(tmp_path):
    loaded = movielens.read_movielens(million(tmp_path))
    data = loaded.interactions
    assert data.users.ids.tolist() == [1, 2, 3] and data.items.ids.tolist() == [10, 20]
    assert data.rating.tolist() == [5, 4, 1] and data.timestamp[0] == 978300760
    assert data.item_text.tolist() == ["Misérables, Les: Part 2 (1995)", "Nameless"]
    features = data.item_features
    assert list(features) == ["Children's", "Drama", "Musical", "Western", "release_year"]
    assert features["Musical"].tolist() == [True, False] and features["Musical"].dtype == bool
    assert features["release_year"][0] == 1995 and np.isnan(features["release_year"][1])
    people = data.user_features
    assert people["age"][:2].tolist() == [1, 56] and people["zip"][:2].tolist() == [
        "48067",
        "00070",
    ]
    assert people["gender"].tolist() == ["F", "M", ""] and np.isnan(people["age"][2])
    noticed = {what: count.number for what, count in loaded.report.noticed.items()}
    assert noticed == {
        "movie without a rating, left out of the items": 1,
        "user without an entry": 1,
    }


def test_gzip_files_are_found_under_their_longer_name(tmp_path):
    folder = million(tmp_path)
    for path in list(folder.iterdir()):
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert len(movielens.read_movielens(folder).interactions) == 3


def test_a_rated_movie_without_an_entry_is_counted_and_has_no_features(tmp_path):
    loaded = movielens.read_movielens(million(tmp_path, movies=MOVIES.splitlines()[0] + "\n"))
    assert loaded.report.noticed["rated movie without an entry"].number == 1
    assert loaded.interactions.item_text[1] == ""
    assert not loaded.interactions.item_features["Drama"][1]


def test_a_folder_of_something_else_is_told_which_files_were_expected(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FileNotFoundError, match="u.data, u.item.*ratings.dat.*notes.txt"):
        movielens.read_movielens(tmp_path)


def test_a_1m_folder_without_ratings_is_told_so(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"looks like MovieLens 1M.*Missing: ratings\.dat\."
    ):
        movielens.read_movielens(million(tmp_path, ratings=None))


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="`folder`.*nowhere"):
        movielens.read_movielens(tmp_path / "nowhere")


def test_a_broken_line_of_movies_is_named(tmp_path):
    with pytest.raises(DataError, match=r"movies\.dat, line 2: expected 3 fields.*'::'"):
        movielens.read_movielens(million(tmp_path, movies="10::A::B\n20:A:B\n"))


def test_a_movie_or_user_that_stands_twice_is_named(tmp_path):
    with pytest.raises(DataError, match=r"users\.dat, line 2, column 'id'.*'1'"):
        movielens.read_movielens(million(tmp_path, users=USERS.splitlines()[0] + "\n" + USERS))


def test_an_age_that_is_text_is_named(tmp_path):
    with pytest.raises(DataError, match=r"users\.dat, line 1: .*old"):
        movielens.read_movielens(million(tmp_path, users="1::F::old::1::1\n"))


def test_a_rating_off_the_scale_is_named(tmp_path):
    with pytest.raises(DataError, match=r"ratings\.dat, line 2, column 'rating'.*1\.\.5.*7"):
        movielens.read_movielens(million(tmp_path, ratings="1::10::5::1\n2::20::7::1\n"))


def test_titles_go_to_the_items_of_another_file(tmp_path):
    million(tmp_path)
    (tmp_path / "rows.csv").write_text("user_id,item_id\na,20\nb,99\nb,10\n")
    data = tables.read_table(tmp_path / "rows.csv").interactions
    assert metadata.items_without_text(data) == 3
    titles = movielens.read_movie_titles(tmp_path / "movies.dat")
    titled = metadata.attach_item_text(data, titles)
    assert titled.item_text.tolist() == ["Nameless", "", "Misérables, Les: Part 2 (1995)"]
    assert metadata.items_without_text(titled) == 1
    assert data.item_text is None


def test_titles_under_ids_of_another_kind_are_refused(tmp_path):
    (tmp_path / "rows.csv").write_text("user_id,item_id\na,20\nb,99\n")
    data = tables.read_table(tmp_path / "rows.csv").interactions
    with pytest.raises(ValueError, match=r"`texts`.*\[20, 99\].*\['x20'\]"):
        metadata.attach_item_text(data, {"x20": "Nameless"})


def test_the_real_100k_has_its_counted_sizes_and_known_entries(data_root):
    loaded = movielens.read_movielens(data_root / "ml-100k")
    data = loaded.interactions
    assert (data.num_users, data.num_items, len(data)) == (943, 1682, 100_000)
    assert not loaded.report.left_out and loaded.report.duplicate_pairs == 0
    toy_story = data.items.index_of([1])[0]
    assert data.item_text[toy_story] == "Toy Story (1995)"
    features = data.item_features.iloc[toy_story]
    genres = [name for name in data.item_features if name != "release_year" and features[name]]
    assert genres == ["Animation", "Children's", "Comedy"] and features["release_year"] == 1995
    first = data.user_features.iloc[data.users.index_of([1])[0]]
    assert first.tolist() == [24, "M", "technician", "85711"]
    unknown = data.items.index_of([267])[0]  # the one movie without title and date
    assert np.isnan(data.item_features["release_year"][unknown])


def test_the_real_1m_folder_lacks_its_ratings_but_has_its_titles(data_root):
    with pytest.raises(FileNotFoundError, match=r"Missing: ratings\.dat"):
        movielens.read_movielens(data_root / "ml-1m")
    titles = movielens.read_movie_titles(data_root / "ml-1m" / "movies.dat")
    assert len(titles) == 3883 and titles[1] == "Toy Story (1995)"


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"users": "1::F::nan::10::48067\n"}, "users.dat, line 1: expected an age in years"),
        ({"users": "1::F::1_0::10::48067\n"}, "Received: '1_0'"),
        ({"movies": "9" * 5000 + "::A::B\n"}, "movies.dat, line 1, column 'id': expected an int"),
        ({"movies": "x" * 5_000_000}, "movies.dat, line 1: expected a line of at most"),
    ],
)
def test_what_is_no_age_no_id_and_no_line_is_refused_with_its_line(tmp_path, replaced, message):
    with pytest.raises(DataError, match=message):
        movielens.read_movielens(million(tmp_path, **replaced))
