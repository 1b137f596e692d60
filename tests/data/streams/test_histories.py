import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet

import advrec_tf as ar
from advrec_tf.data.windows import training_windows
from advrec_tf.models.sequential.encoders import EncoderSize

LENGTHS = [1, 2, 5, 9, 3, 7, 4]  # rows of each user


def shards(folder, *, mixed=False, window=20):
    """Two shards; user u has `LENGTHS[u]` rows, whose times run against the order of the file."""
    users = np.repeat(np.arange(7), LENGTHS)
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "user_id": [f"u{user}" for user in users],
            "item_id": rng.integers(0, 6, len(users)),
            "time": 1000.0 - np.arange(len(users)),
        }
    )
    if mixed:
        table = pa.concat_tables([table.slice(2), table.slice(0, 2)])
    folder.mkdir(exist_ok=True)
    for number, (begin, end) in enumerate(((0, 17), (17, len(users)))):
        part = table.slice(begin, end - begin)
        parquet.write_table(part, folder / f"part-{number}.parquet", row_group_size=4)
    stream = ar.data.stream(folder, window=window)
    return ar.data.counted(stream, ar.data.count_ids(stream))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return shards(tmp_path_factory.mktemp("shards"))


def drawn(batches, count, first=0):
    taken = list(batches.dataset(first).take(count).as_numpy_iterator())
    return [
        (int(user), *history.tolist())
        for batch in taken
        for user, history in zip(batch["user_index"], batch["history"], strict=True)
    ]


@pytest.mark.parametrize("kind", ["whole", "prefixes"])
@pytest.mark.parametrize("time_column", [None, "time"])
def test_the_windows_of_an_epoch_are_those_of_memory(data, kind, time_column):
    settings = {"length": 3, "kind": kind}
    batches = ar.data.stream_windows(data, batch_size=1, time_column=time_column, **settings)
    held = data.held()
    if time_column:
        held = ar.data.Interactions(
            user_index=held.user_index,
            item_index=held.item_index,
            users=held.users,
            items=held.items,
            timestamp=1000.0 - np.arange(len(held)),
        )
    expected = training_windows(held, 3, kind=kind)
    assert batches.steps_per_epoch == len(expected)
    found = drawn(batches, batches.steps_per_epoch)
    rows = zip(expected.user_index, expected.items, strict=True)
    assert sorted(found) == sorted((int(user), *items.tolist()) for user, items in rows)
    assert drawn(batches, batches.steps_per_epoch, first=1) != found


def test_training_goes_on_as_if_it_had_not_stopped(data):
    batches = ar.data.stream_windows(data, length=2, batch_size=4)
    steps = batches.steps_per_epoch
    whole = drawn(batches, 3 * steps)
    assert drawn(batches, steps, first=2) == whole[2 * steps * 4 :]


def test_rows_of_a_user_in_two_places_are_an_error_that_names_user_and_shard(tmp_path):
    # The rows of u0 and one of u1 stand at the end; what was one shard's of u4 is now in both.
    data = shards(tmp_path, mixed=True)
    batches = ar.data.stream_windows(data, length=2, batch_size=4)
    with pytest.raises(tf.errors.OpError, match="part-..parquet, column 'user_id'.*'u[14]' in two"):
        list(batches.dataset(0).take(batches.steps_per_epoch))


def test_rows_of_a_user_in_two_places_of_one_block_are_an_error_too(tmp_path):
    table = pa.table({"user_id": [0, 1, 0, 2], "item_id": [0, 1, 2, 3]})
    parquet.write_table(table, tmp_path / "one.parquet")
    stream = ar.data.stream(tmp_path)
    data = ar.data.counted(stream, ar.data.count_ids(stream))
    with pytest.raises(tf.errors.OpError, match="one.parquet.*Received rows of 0 in two places"):
        next(iter(ar.data.stream_windows(data, length=2, batch_size=1).dataset(0)))


def test_a_next_item_model_trains_on_them(data):
    model = ar.models.gru4rec(data, size=EncoderSize(length=3, dim=4, blocks=1))
    model.compile(optimizer=ar.training.LazyAdam(0.01))
    batches = ar.data.stream_windows(data, length=3, batch_size=4)
    history = model.fit(batches, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize(
    "ask",
    [
        lambda data, name: ar.data.stream_windows(data, length=2, batch_size=1, time_column=name),
        lambda data, name: ar.data.stream_sequences(data, length=2, batch_size=1, time_column=name),
        lambda data, name: ar.data.hold_out(data, "last_item", time_column=name),
        lambda data, name: ar.data.counted(data.stream, data.ids, time_column=name),
        lambda data, name: ar.data.counted(data.stream, data.ids, rating_column=name),
    ],
)
def test_a_column_that_is_not_there_or_holds_no_numbers_is_refused_at_the_call(data, ask):
    columns = "'when'. Received the columns 'user_id', 'item_id', 'time'"
    with pytest.raises(ar.data.MissingColumnError, match=f"part-0.parquet.*{columns}"):
        ask(data, "when")
    with pytest.raises(ar.data.DataError, match="part-0.parquet, column 'user_id'.*Received text"):
        ask(data, "user_id")


@pytest.mark.parametrize(
    "order",
    [
        lambda data, name: ar.data.stream_windows(data, length=2, batch_size=1, time_column=name),
        lambda data, name: ar.data.stream_sequences(data, length=2, batch_size=1, time_column=name),
        lambda data, name: ar.data.hold_out(data, "last_item", time_column=name),
        lambda data, name: ar.data.counted(data.stream, data.ids, time_column=name),
    ],
)
def test_numbers_that_are_no_times_order_nobody(tmp_path, order):
    columns = {"user_id": [1, 1, 1, 2], "item_id": [0, 1, 2, 0], "new": [True, False, True, True]}
    parquet.write_table(pa.table(columns), tmp_path / "part.parquet")
    stream = ar.data.stream(tmp_path)
    data = ar.data.counted(stream, ar.data.count_ids(stream))
    for name, what in (("user_id", "the ids of the users"), ("item_id", "the ids of the items")):
        with pytest.raises(ar.data.DataError, match=f"'{name}': expected times. Received {what}"):
            order(data, name)
    with pytest.raises(ar.data.DataError, match="'new': expected times. Received booleans"):
        order(data, "new")


@pytest.mark.parametrize(
    "read",
    [
        lambda data, **time: ar.data.stream_windows(data, length=2, batch_size=1, **time),
        lambda data, **time: ar.data.stream_sequences(data, length=2, batch_size=1, **time),
        lambda data, **_: ar.data.stream_profiles(data, batch_size=1),
    ],
)
def test_users_who_may_share_a_bucket_are_refused_before_their_rows_meet(data, read):
    users = ar.data.count_ids(data.stream, user_buckets=2)
    with pytest.raises(ValueError, match="`data` should have users that were counted exactly"):
        read(ar.data.counted(data.stream, users))
    items = ar.data.counted(data.stream, ar.data.count_ids(data.stream, item_buckets=2))
    assert read(items).steps_per_epoch > 0


def test_hashed_items_have_no_ids_to_order_equal_times_by(data):
    items = ar.data.counted(data.stream, ar.data.count_ids(data.stream, item_buckets=2))
    with pytest.raises(ValueError, match="`time_column` should be None for items that are hashed"):
        ar.data.stream_windows(items, length=2, batch_size=1, time_column="time")


def test_settings_out_of_their_range_are_refused(data):
    with pytest.raises(ValueError, match="`length` should be >= 1"):
        ar.data.stream_windows(data, length=0, batch_size=4)
    with pytest.raises(ValueError, match="`kind` 'whole' or 'prefixes'"):
        ar.data.stream_windows(data, length=2, batch_size=4, kind="last")
    with pytest.raises(ValueError, match="`batch_size`"):
        ar.data.stream_windows(data, length=2, batch_size=0)


def test_a_sequence_model_is_not_fitted_on_rows_in_the_order_of_the_shards(data):
    model = ar.models.gru4rec(data, size=EncoderSize(length=4, dim=4, blocks=1, heads=1))
    with pytest.raises(ValueError, match="should read a stream by `model.fit.*stream_windows"):
        ar.fit(model, data, epochs=1)
