import json

import numpy as np
import pytest

from advrec_tf.data.audit import audit, never_seen, ties
from advrec_tf.data.splits import Split
from tests.worlds import interactions_of


def part(triples, timed=True):
    """(user, item, time) -> interactions of four users and five items."""
    pairs, times = [triple[:2] for triple in triples], [triple[2] for triple in triples]
    return interactions_of(pairs, 4, 5, timestamp=times if timed else None)


#               (user, item, time)
TRAIN = [(0, 0, 1), (0, 1, 5), (1, 1, 2), (1, 2, 9), (0, 0, 3)]
VALIDATION = [(0, 3, 6)]
TEST = [(0, 1, 4), (2, 4, 9), (1, 3, 1)]


def leaky(timed=True):
    train, validation, test = (part(rows, timed) for rows in (TRAIN, VALIDATION, TEST))
    return Split(name="leaky", train=train, validation=validation, test=test)


def test_audit_counts_rows_users_and_items_of_each_part():
    report = audit(leaky())
    assert report.rows == {"train": 5, "validation": 1, "test": 3}
    assert report.users == {"train": 2, "validation": 1, "test": 3}
    assert report.items == {"train": 3, "validation": 1, "test": 3}


def test_audit_counts_ids_that_only_test_knows():
    report = audit(leaky())
    assert report.users_only_in_test == 1  # user 2
    assert report.items_only_in_test == 1  # item 4; item 3 is in validation


def test_audit_counts_pairs_repeated_in_a_part_and_shared_by_two():
    report = audit(leaky())
    assert report.repeated_pairs == {"train": 1, "validation": 0, "test": 0}  # (0, 0)
    assert report.shared_pairs == {
        "train and validation": 0,
        "train and test": 1,  # (0, 1)
        "validation and test": 0,
    }


def test_audit_counts_items_from_the_future_of_each_test_row():
    # First training times: item 0 at 1, item 1 at 2, item 2 at 9. Later than 4: one; later
    # than 9: none; later than 1: two. Mean (1 + 0 + 2) / 3. Training rows later than the
    # earliest test row, at 1: all but the first.
    report = audit(leaky())
    assert report.test_rows_with_future_items == 2
    assert report.mean_future_items == 1
    assert report.train_rows_after_first_test == 4


def test_audit_says_nothing_of_the_future_without_times():
    report = audit(leaky(timed=False))
    assert report.mean_future_items is None and report.train_rows_after_first_test is None
    assert "no times" in str(report)


def test_the_audit_reads_well_and_goes_into_json():
    report = audit(leaky())
    assert json.loads(json.dumps(report.as_dict()))["rows"]["train"] == 5
    assert str(report).splitlines() == [
        "split leaky",
        "  train: 5 interactions, 2 users, 3 items, 1 repeated pairs",
        "  validation: 1 interactions, 1 users, 1 items, 0 repeated pairs",
        "  test: 3 interactions, 3 users, 3 items, 0 repeated pairs",
        "  only in test: 1 users, 1 items (33.3% of the test interactions)",
        "  pairs in two parts: train and validation 0, train and test 1, validation and test 0",
        "  future: 2 test interactions with items first trained on later (1.0 on average); "
        "4 training interactions after the first tested",
        "  ties: 0.0% of neighboring interactions of a user have equal times, and 0.0% of the "
        "users end in a tie",
        "  warning: 1 pairs of a user and an item lie in train and test.",
        "  warning: 1 interactions of train repeat an earlier pair of it.",
        "  warning: 1 of the 3 users of test are in no other part: a model can know nothing of "
        "them.",
        "  warning: 1 of the 3 items of test are in no other part: a model can know nothing of "
        "them.",
        "  warning: 33.3% of the test interactions are with items that are in no other part: no "
        "model of ids can find them.",
    ]


def test_a_test_interaction_that_ties_with_a_known_one_is_warned_of():
    train, test = part([(0, 0, 5), (1, 1, 2)]), part([(0, 1, 5), (1, 2, 3)])
    split = Split(name="tied", train=train, validation=part([]), test=test)
    report = audit(split)
    assert report.tied_test == 0.5
    assert any("50.0% of the test interactions have the time" in w for w in report.warnings())


def test_the_ties_of_a_split_ascend_as_they_do_in_the_file():
    # A file sorted by item within the one day of each user; every second item is test.
    rows = [(user, item, 1) for user in range(4) for item in range(5)]
    train, test = (part([row for row in rows if row[1] % 2 == odd]) for odd in (0, 1))
    split = Split(name="x", train=train, validation=part([]), test=test)
    found = audit(split).ties
    assert (found.neighbors, found.last, found.ascending) == (1.0, 1.0, 1.0)
    assert ties(split.everything()).ascending < 1.0  # the parts one after the other


def test_targets_that_nobody_trained_on_are_counted_by_interaction():
    #  known items 0 and 3; of five targets two are with item 4
    known = part([(0, 0, 1), (0, 3, 2)])
    targets = part([(1, 0, 3), (2, 4, 3), (3, 4, 3), (1, 3, 4), (2, 0, 4)])
    assert never_seen(known, targets) == pytest.approx(0.4)
    assert never_seen(known, targets.select(np.zeros(0, int))) == 0.0
    empty = known.select(np.zeros(0, int))
    report = audit(Split(name="x", train=known, validation=empty, test=targets))
    assert report.never_seen == pytest.approx(0.4)
    assert any("40.0% of the test interactions are with items" in w for w in report.warnings())


def test_the_summary_is_a_line_and_a_line_a_warning():
    train, test = part([(0, 0, 5), (1, 1, 2)]), part([(0, 1, 5), (1, 2, 3)])
    report = audit(Split(name="tied", train=train, validation=part([]), test=test))
    first, *warnings = report.summary().splitlines()
    assert first == "split tied, interactions: train 2, validation 0, test 2"
    assert warnings == [f"  warning: {warning}" for warning in report.warnings()] != []
