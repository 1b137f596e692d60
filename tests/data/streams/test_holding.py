import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import advrec_tf as ar
from advrec_tf.evaluation.ranking import RankingEvaluator


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """30 users; user u has the items u % 4 to 7 in this order of time, the first of them twice, and
    the rows lie in another order; user 30 has two rows."""
    folder = tmp_path_factory.mktemp("shards")
    rows = [(u, i, 100.0 * i) for u in range(30) for i in range(u % 4, 8)]
    rows += [(u, u % 4, 1.0) for u in range(30)] + [(30, 0, 1.0), (30, 1, 2.0)]
    rows = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    users, items, times = zip(*rows, strict=True)
    table = pa.table({"user_id": users, "item_id": items, "time": times})
    parquet.write_table(table, folder / "one.parquet", row_group_size=40)
    stream = ar.data.stream(folder, window=50)
    return ar.data.counted(stream, ar.data.count_ids(stream))


def test_the_last_item_of_the_drawn_users_is_test_and_nowhere_in_training(data):
    split = ar.data.hold_out(data, users=10, time_column="time")
    assert len(split.test) == len(split.validation) == 10
    assert set(split.test.item_index) == {7} and set(split.validation.item_index) == {6}
    users = split.test.user_index
    assert len(set(users)) == 10 and 30 not in users
    assert len(split.train) == len(data) - 20 and split.everything() is data
    left = split.train.held()
    for user in users:
        assert not {6, 7} & set(left.item_index[left.user_index == user])
    assert set(left.item_index[left.user_index == 30]) == {0, 1}
    assert len(split.trainval()) == len(data) - 10
    # A repeated pair stands once among the held rows, and in the shards as often as it was.
    assert sorted(split.seen().user_index) == sorted(
        user for user in users for _ in range(user % 4, 6)
    )


def test_a_dataset_of_the_training_part_has_every_column_and_no_row_of_the_others(data):
    split = ar.data.hold_out(data, users=10, time_column="time")
    batches = list(split.train.dataset(0, batch_size=32).as_numpy_iterator())
    assert [len(batch["item_id"]) for batch in batches[:-1]] == [32] * (len(batches) - 1)
    rows = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    assert sorted(rows) == ["item_id", "time", "user_id"] and len(rows["time"]) == len(split.train)
    np.testing.assert_array_equal(
        rows["time"][rows["item_id"] > 3], 100 * rows["item_id"][rows["item_id"] > 3]
    )
    held = set(split.test.users.ids[split.test.user_index])
    assert not any(
        user in held and item >= 6 for user, item in zip(rows["user_id"], rows["item_id"])
    )
    assert sorted(rows["user_id"]) == sorted(split.train.users.ids[split.train.user_index])


def test_a_dataset_goes_on_after_the_rows_that_were_seen_and_differs_by_epoch(data):
    train = ar.data.hold_out(data, users=10, time_column="time").train

    def read(*place, **row):
        found = train.dataset(*place, **row)
        return [(one["user_id"], one["item_id"], one["time"]) for one in found.as_numpy_iterator()]

    assert read(1, row=70) == read(1)[70:] and read(1) != read(2)
    assert sorted(read(1)) == sorted(read(2)) and read(1, row=len(train)) == []
    with pytest.raises(ValueError, match="`row` in 0..*Received: 0 and -1"):
        train.dataset(row=-1)
    with pytest.raises(ValueError, match="`batch_size` should be >= 1"):
        train.dataset(batch_size=0)


def test_the_sample_is_that_of_the_seed_and_holds_everybody_where_it_can(data):
    drawn = [
        set(ar.data.hold_out(data, users=10, time_column="time", seed=seed).test.user_index)
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    everybody = ar.data.hold_out(data, "random_ratio", users=1000)
    assert set(everybody.held.user_index) == set(range(30))
    assert everybody.settings["evaluated_users"] == 30
    # All users are in the sample, so what differs is the split of their rows.
    other = ar.data.hold_out(data, "random_ratio", users=1000, seed=1)
    assert other.fingerprint() != everybody.fingerprint() and other.settings["seed"] == 1


def test_an_evaluation_needs_the_held_rows_alone(data, monkeypatch):
    split = ar.data.hold_out(data, users=10, time_column="time")
    monkeypatch.setattr(type(data), "_held", property(lambda self: pytest.fail("rows were held")))
    monkeypatch.setattr(type(data), "by_user", lambda self: pytest.fail("rows were held"))
    evaluator = RankingEvaluator.of_split(split)
    found = evaluator.evaluate(ar.models.Popularity().fit(split.train))
    assert len(found.users) == 10 and found.metrics["mrr"] > 0


def test_fit_validates_by_the_held_rows_alone(data, monkeypatch):
    split = ar.data.hold_out(data, users=10, time_column="time")
    monkeypatch.setattr(type(data), "_held", property(lambda self: pytest.fail("rows were held")))
    monkeypatch.setattr(type(data), "by_user", lambda self: pytest.fail("rows were held"))
    model = ar.models.MatrixFactorization(split.train, dim=2)
    report = ar.fit(model, split, epochs=1, batch_size=50, log=lambda line: None)
    assert report.epochs == 1 and report.best > 0


def test_what_needs_all_rows_is_refused(data):
    with pytest.raises(ValueError, match="`name` should be one of last_item.*global_time"):
        ar.data.hold_out(data, "global_time")
    with pytest.raises(ValueError, match="`users` should be >= 1"):
        ar.data.hold_out(data, users=0)
