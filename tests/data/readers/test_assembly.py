import numpy as np
import pytest

from advrec_tf.data.readers.assembly import ItemTexts, Parsed, TableSettings, assemble
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.ids import Ids


def parsed(users, items, **columns):
    """Codes of users and items into "u0", "u1", ... and 10, 11, ..., in lines 2, 3, ..."""
    return Parsed(
        source="f",
        place="line",
        positions=np.arange(2, 2 + len(users)),
        users=Ids(np.array(users, np.int32), [f"u{i}" for i in range(5)]),
        items=Ids(np.array(items, np.int32), [10 + i for i in range(5)]),
        **columns,
    )


def test_indices_follow_the_first_appearance_among_what_is_kept():
    loaded = assemble(parsed([3, -1, 1, 3], [2, 4, 0, 0]), TableSettings())
    data = loaded.interactions
    assert data.users.ids.tolist() == ["u3", "u1"] and data.items.ids.tolist() == [12, 10]
    assert data.user_index.tolist() == [0, 1, 0] and data.item_index.tolist() == [0, 1, 1]
    assert tuple(loaded.report.left_out["missing user id"]) == (1, 3)
    assert (loaded.report.rows_read, loaded.report.rows_kept) == (4, 3)


def test_a_rating_that_means_none_is_missing_before_the_range_is_checked():
    ratings = {"ratings": np.array([0.0, 3.0, 5.0])}
    settings = TableSettings(rating_column="r", rating_range=(1, 5), unrated=0)
    loaded = assemble(parsed([0, 1, 2], [0, 1, 2], **ratings), settings)
    assert np.isnan(loaded.interactions.rating).tolist() == [True, False, False]
    assert tuple(loaded.report.noticed["missing rating, the row kept"]) == (1, 2)
    with pytest.raises(DataError, match="f, line 2, column 'r': expected a rating in 1..5"):
        settings = TableSettings(rating_column="r", rating_range=(1, 5))
        assemble(parsed([0, 1, 2], [0, 1, 2], **ratings), settings)


def test_lines_that_repeat_the_header_count_as_read_and_left_out():
    report = assemble(parsed([0, 1], [0, 1], header_lines=[5, 9]), TableSettings()).report
    assert report.rows_read == 4 and tuple(report.left_out["line that repeats the header"]) == (
        2,
        5,
    )


def test_texts_follow_an_item_whose_spelling_changed():
    texts = ItemTexts()
    texts.add(np.array([0, 1, 2]), ["Toy", "Toy 2", "Heat"])
    moved = texts.moved(np.array([0, 0, 1], np.int32))  # items 0 and 1 are one
    assert moved.first == {0: "Toy", 1: "Heat"} and moved.changed == {0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"user_column": "item_id"}, "should be two columns. Received: 'item_id' for both"),
        ({"time_column": "item_id"}, "`time_column` should be another column.*'item_id'"),
        ({"on_missing": "drop"}, "`on_missing` should be 'count' or 'raise'"),
        ({"rating_range": (5, 1)}, "`rating_range` should be"),
        ({"missing": "NA"}, "`missing` should hold marks. Received the text 'NA'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TableSettings(**settings)


def test_dates_written_as_numbers_are_days_and_a_note_says_so():
    days = np.array([20240501.0, np.nan, 20240503.0])
    loaded = assemble(parsed([0, 1, 2], [0, 1, 2], times=days), TableSettings(time_column="t"))
    first, last = loaded.interactions.timestamp[[0, -1]]
    assert (first, last - first) == (1_714_521_600.0, 2 * 86_400.0)
    assert any("such as 20240501: read as days" in note for note in loaded.report.notes)
