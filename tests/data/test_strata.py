import numpy as np
import pytest

from advrec_tf.data.strata import in_strata, usable_cores
from tests.worlds import interactions_of

DATA = interactions_of([(u, (3 * u + s) % 13) for u in range(11) for s in (0, 2, 5)], 11, 13)


def epochs(first=0, count=2, seed=4, strata=3):
    made = in_strata(DATA, batch_size=2, seed=seed, strata=strata).dataset(first)
    return list(made.take(count).as_numpy_iterator())


def strata_of(epoch):
    """(round, group of users, group of items, first step, last step) of each stratum."""
    count = len(epoch["user_rows"])
    for number, (start, stop) in enumerate(zip(epoch["bounds"], epoch["bounds"][1:])):
        turn, users = divmod(number, count)
        yield turn, users, (users + turn) % count, start, stop


def test_an_epoch_has_every_interaction_and_no_other():
    for epoch in epochs():
        found = set()
        for _, users, items, start, stop in strata_of(epoch):
            user = epoch["user_rows"][users][epoch["user_index"][start:stop]]
            item = epoch["item_rows"][items][epoch["item_index"][start:stop]]
            found |= set(zip(user.ravel(), item.ravel()))
            distinct = len(set(zip(user.ravel(), item.ravel())))
            assert (stop - start) == -(-distinct // 2)  # filled up to whole steps of two
        assert found == set(zip(DATA.user_index, DATA.item_index))


def test_the_groups_hold_every_row_once_and_negatives_are_in_their_group():
    for epoch in epochs():
        for name, size in (("user_rows", 11), ("item_rows", 13)):
            rows = epoch[name]
            assert sorted(rows[rows >= 0]) == list(range(size))
        for _, _, items, start, stop in strata_of(epoch):
            negative = epoch["item_rows"][items][epoch["negative"][start:stop]]
            assert (negative >= 0).all()


def test_negatives_range_over_the_catalogue_over_the_epochs():
    found = set()
    for epoch in epochs(count=8):
        for _, users, items, start, stop in strata_of(epoch):
            user = epoch["user_rows"][users][epoch["user_index"][start:stop]]
            negative = epoch["item_rows"][items][epoch["negative"][start:stop]]
            found |= set(negative[user == 0])
    assert len(found) > 9  # a group has 4 or 5 items


def test_an_epoch_is_a_function_of_its_number_and_the_seed():
    _, second = epochs()
    (again,) = epochs(first=1, count=1)
    (other,) = epochs(first=1, count=1, seed=5)
    for name, column in second.items():
        np.testing.assert_array_equal(column, again[name])
    assert (second["user_rows"] != other["user_rows"]).any()
    assert (second["user_rows"] != epochs(count=1)[0]["user_rows"]).any()


def test_by_default_there_is_a_stratum_for_each_core():
    (epoch,) = in_strata(DATA, batch_size=2, seed=0).dataset(0).take(1)
    assert len(epoch["user_rows"]) == min(usable_cores(), 11)


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"strata": 12}, "`strata` should be between 1 and 11"),
        ({"strata": 0}, "`strata` should be between 1 and 11"),
        ({"batch_size": 0}, "`batch_size` should be >= 1"),
    ],
)
def test_a_number_out_of_range_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        in_strata(DATA, **{"batch_size": 2, "seed": 0, **settings})
