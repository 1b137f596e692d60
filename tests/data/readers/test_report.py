import json

import pytest

from advrec_tf.data.readers.report import Count, Loaded, ReadReport, report_of
from tests.worlds import interactions_of

REPORT = ReadReport(
    source="f.csv",
    place="line",
    rows_read=1200,
    rows_kept=1197,
    num_users=7,
    num_items=9,
    left_out={"missing user id": Count(3, 5)},
    noticed={"repeated user-item pair": Count(2, 8), "item without text": Count(1)},
    notes=("Read as utf-16.",),
)


def test_a_report_reads_line_by_line_with_the_first_place_of_each_count():
    assert str(REPORT).splitlines() == [
        "f.csv: 1,197 of 1,200 rows kept, 7 users, 9 items",
        "  left out: missing user id: 3 (first in line 5)",
        "  noticed: repeated user-item pair: 2 (first in line 8)",
        "  noticed: item without text: 1",
        "  note: Read as utf-16.",
    ]


def test_a_report_goes_into_json_as_it_is():
    record = json.loads(json.dumps(REPORT.as_dict()))
    assert record["left_out"] == {"missing user id": {"number": 3, "first": 5}}
    assert record["notes"] == ["Read as utf-16."] and record["rows_kept"] == 1197
    assert REPORT.duplicate_pairs == 2


def test_data_made_in_memory_has_a_report_with_nothing_left_out():
    data = interactions_of([(0, 0), (1, 1), (1, 1)])
    report = report_of(data, "by hand")
    assert (report.rows_read, report.rows_kept, report.num_users) == (3, 3, 2)
    assert report.duplicate_pairs == 0 and not report.left_out
    assert Loaded(interactions=data, report=report).best_scores is None


def test_repeats_are_refused_or_their_last_is_split_as_asked():
    data = interactions_of([(0, 0), (0, 1), (0, 0), (0, 2), (1, 0), (1, 1), (1, 2)], 2, 3)
    loaded = Loaded(interactions=data, report=REPORT)
    with pytest.raises(ValueError, match='1 repeats.*With `repeats="last"` the split of loaded'):
        loaded.split("last_item")
    split = loaded.split("last_item", repeats="last")
    parts = (split.train, split.validation, split.test)
    assert [part.item_index[part.user_index == 0].tolist() for part in parts] == [[1], [0], [2]]
    with pytest.raises(ValueError, match="`repeats` should be \"last\" or None. Received: 'first'"):
        loaded.split("last_item", repeats="first")
