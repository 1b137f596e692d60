import numpy as np
import pytest

from advrec_tf.data import windows
from advrec_tf.data.sequences import NONE
from tests.worlds import interactions_of_histories


def test_last_windows_end_at_the_last_item_of_each_user():
    found = windows.last_windows(interactions_of_histories([1, 2, 3, 4], [], [7]), 3)
    assert found.items.tolist() == [[2, 3, 4], [NONE] * 3, [NONE, NONE, 7]]
    assert found.user_index.tolist() == [0, 1, 2]
    assert found.lengths().tolist() == [3, 0, 1]


def test_last_windows_of_nobody_who_did_something_are_empty():
    found = windows.last_windows(interactions_of_histories([], [], num_items=3), 2)
    assert found.items.tolist() == [[NONE] * 2] * 2


def test_whole_windows_share_one_item_and_predict_each_but_the_first_once():
    found = windows.training_windows(interactions_of_histories([1, 2, 3, 4, 5], [6], [7, 8]), 2)
    assert found.items.tolist() == [[3, 4, 5], [1, 2, 3], [NONE, 7, 8]]
    assert found.user_index.tolist() == [0, 0, 2]


def test_prefixes_end_at_each_item_but_the_first():
    found = windows.training_windows(
        interactions_of_histories([1, 2, 3, 4], [6]), 2, kind="prefixes"
    )
    assert found.items.tolist() == [[2, 3, 4], [1, 2, 3], [NONE, 1, 2]]


def test_windows_follow_time_and_carry_it():
    data = interactions_of_histories([1, 2, 3], times=[[30, 10, 25]])
    found = windows.last_windows(data, 4)
    assert found.items.tolist() == [[NONE, 2, 3, 1]]
    assert found.gaps().tolist() == [[0.0, 0.0, 15.0, 5.0]]


def test_gaps_of_a_full_window_begin_at_its_first_item():
    found = windows.last_windows(interactions_of_histories([1, 2, 3], times=[[0, 7, 9]]), 2)
    assert found.gaps().tolist() == [[0.0, 2.0]]


def test_no_second_interaction_is_refused():
    with pytest.raises(ValueError, match="a user with two interactions"):
        windows.training_windows(interactions_of_histories([1], [2]), 2)


def test_unknown_kind_and_length_are_refused():
    with pytest.raises(ValueError, match="`kind` should be 'whole' or 'prefixes'"):
        windows.training_windows(interactions_of_histories([1, 2]), 2, kind="halves")
    with pytest.raises(ValueError, match="`length` should be >= 1"):
        windows.last_windows(interactions_of_histories([1, 2]), 0)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([[1, NONE]], "before the first item"),
        ([[NONE, 10]], "lie in 0..9"),
        ([1, 2], r"should be \[n, length\]"),
    ],
)
def test_windows_that_are_none_are_refused(items, message):
    with pytest.raises(ValueError, match=message):
        windows.Windows(items=np.array(items), user_index=np.zeros(1, np.int32), num_items=10)


def batches_of_one_epoch(trimmed):
    rng = np.random.default_rng(0)
    histories = [rng.integers(0, 10, size=rng.integers(2, 9)).tolist() for _ in range(40)]
    found = windows.training_windows(interactions_of_histories(*histories), 8)
    made = windows.of_windows(found, batch_size=8, seed=3, trimmed=trimmed)
    return found, made, list(made.dataset(0).take(made.steps_per_epoch))


def test_an_epoch_holds_each_window_once():
    found, made, batches = batches_of_one_epoch(trimmed=True)
    assert made.steps_per_epoch == 5
    users = np.concatenate([batch["user_index"].numpy() for batch in batches])
    assert sorted(users) == list(range(40))
    for batch in batches:
        history = batch["history"].numpy()
        assert (history != NONE).any(axis=0).all()  # no place that is empty in all
        for user, row in zip(batch["user_index"].numpy(), history, strict=True):
            whole = found.items[user]
            assert row.tolist() == whole[len(whole) - len(row) :].tolist()
            assert (whole[: len(whole) - len(row)] == NONE).all()


def test_trimmed_batches_hold_windows_of_about_one_length():
    _, _, batches = batches_of_one_epoch(trimmed=True)
    _, _, whole = batches_of_one_epoch(trimmed=False)
    places = sum(batch["history"].shape[1] for batch in batches)
    assert all(batch["history"].shape[1] == 9 for batch in whole)
    lengths = np.concatenate([(b["history"].numpy() != NONE).sum(1) for b in whole])
    assert places * 8 < 1.25 * lengths.sum()  # hardly any padding


def test_the_first_windows_of_a_batch_are_no_shorter_than_the_others():
    # 30 histories of 2 items and 30 of 6, one pool, so that a batch of both kinds is met in the
    # middle: of 4 batches of 16 the second holds 14 short and 2 long ones.
    histories = [[0, 1]] * 30 + [[0, 1, 2, 3, 4, 5]] * 30
    found = windows.training_windows(interactions_of_histories(*histories), 5)
    made = windows.of_windows(found, batch_size=16, seed=0)
    first = []
    for batch in made.dataset(0).take(20 * made.steps_per_epoch):
        lengths = (batch["history"].numpy() != NONE).sum(axis=1)
        if len(set(lengths)) > 1:
            first.append(lengths[0] == lengths.min())
    assert len(first) >= 10 and 0 < np.mean(first) < 1


def test_an_epoch_depends_on_its_number_alone():
    _, made, _ = batches_of_one_epoch(trimmed=True)
    skipped = list(made.dataset(0).skip(5).take(5))
    begun = list(made.dataset(1).take(5))
    for one, other in zip(skipped, begun, strict=True):
        assert one["history"].numpy().tolist() == other["history"].numpy().tolist()
        assert one["seed"].numpy().tolist() == other["seed"].numpy().tolist()


def test_nothing_to_draw_from_is_refused():
    empty = windows.Windows(
        items=np.zeros((0, 3), np.int32), user_index=np.zeros(0, np.int32), num_items=3
    )
    with pytest.raises(ValueError, match="a window to draw from"):
        windows.of_windows(empty, batch_size=2, seed=0)
