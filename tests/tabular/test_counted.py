"""Tables in shards: what is counted and trained equals what is of the same rows in memory."""

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet

import advrec_tf as ar
from advrec_tf.data.readers.files import DataError
from advrec_tf.tabular import counted, schema, training
from advrec_tf.tabular.batches import of_table
from advrec_tf.tabular.gan import build_table_gan
from advrec_tf.tabular.private_gan import build_private_gan
from advrec_tf.tabular.training import fit_table_generator
from advrec_tf.tabular.transform import TableTransform
from advrec_tf.tabular.vae import build_table_vae
from tests.tracing import run_eagerly

ROWS = 300


@pytest.fixture(scope="module")
def frame():
    """Rows as `read_table` has them."""
    rng = np.random.default_rng(0)
    day = np.datetime64("2024-01-01") + rng.integers(0, 60, ROWS)
    plan = np.where(rng.random(ROWS) < 0.2, None, rng.choice(["free", "paid", "trial"], ROWS))
    return pd.DataFrame(
        {
            "user_id": np.arange(ROWS) + 5,
            "value": np.round(rng.normal(size=ROWS), 2),
            "day": day.astype("datetime64[us]"),
            "gap": np.where(rng.random(ROWS) < 0.2, np.nan, rng.integers(1, 90, ROWS)),
            "flag": rng.random(ROWS) < 0.3,
            "plan": pd.Series(plan, dtype=object),
            "churned": pd.Series(rng.choice(["no", "yes"], ROWS), dtype=object),
        }
    )


def write(frame, folder, cuts=(120, 200)):
    """Shards with row groups of 40; numbers with gaps as whole numbers with nulls."""
    folder.mkdir(exist_ok=True)
    arrow = pa.Table.from_pandas(frame.astype({"gap": "Int64"}), preserve_index=False)
    ends = [*cuts, len(frame)]
    for number, (begin, end) in enumerate(zip([0, *cuts], ends, strict=True)):
        part = arrow.slice(begin, end - begin)
        parquet.write_table(part, folder / f"part-{number}.parquet", row_group_size=40)
    return folder


@pytest.fixture(scope="module")
def stream(frame, tmp_path_factory):
    shards = write(frame, tmp_path_factory.mktemp("shards"))
    return ar.data.stream(shards, seed=3, window=100)


@pytest.fixture(scope="module")
def table(stream):
    return ar.tabular.count_table(stream, holdout_fraction=0.1, validation_fraction=0.2)


def test_the_schema_and_the_transform_are_those_of_the_same_rows_in_memory(frame, stream):
    table = ar.tabular.count_table(stream, holdout_fraction=0)
    expected = schema.infer(frame)
    assert table.schema.as_dict() == expected.as_dict()
    assert {column.kind for column in expected.columns} == {
        *("identifier", "number", "date", "boolean", "category")
    }
    transform = TableTransform.fit(frame, expected, seed=4)
    assert table.fit_transform(seed=4).as_dict() == transform.as_dict()


def test_each_row_is_in_one_part_and_the_parts_are_those_of_memory(frame, table):
    from advrec_tf.pipelines.tabular.job import split_rows
    from advrec_tf.pipelines.tabular.settings import TableSettings

    parts = split_rows(frame, TableSettings(holdout_fraction=0.1, validation_fraction=0.2))
    assert (len(table.holdout), len(table.validation), len(table)) == (30, 54, 216)
    for name in ("holdout", "validation"):
        of_memory = sorted(getattr(parts, name)["user_id"])
        assert getattr(table, name)["user_id"].tolist() == of_memory
    trained = pd.concat(table.frames())
    assert trained["user_id"].tolist() == sorted(parts.train["user_id"])
    assert table.sample["user_id"].tolist() == trained["user_id"].tolist()
    assert table.rows.tolist() == [len(rows) for rows in table.frames()]
    few = ar.tabular.count_table(table.stream, sample_rows=50)
    assert len(few.sample) == 50 and len(few) == 300 - 60 - 36


def test_what_is_held_out_is_not_fitted(frame, stream, tmp_path):
    places = ar.tabular.count_table(stream, holdout_fraction=0.1).holdout.index
    other = frame.copy()
    other.loc[places[:2], "plan"] = "secret"
    other.loc[places[2:4], "value"] = 1e6
    table = ar.tabular.count_table(
        ar.data.stream(write(other, tmp_path / "other")), holdout_fraction=0.1
    )
    assert set(table.facts["plan"].values) == {"free", "paid", "trial"}
    assert table.facts["value"].high < 10


def of_memory(frame, table, transform, *, seed):
    """(choices, numbers) of the rows that train, in the order of the stream, of three epochs."""
    kept = np.setdiff1d(np.arange(ROWS), table.withheld)
    begins = np.array([0, 40, 80, 120, 160, 200, 240, 280])  # of the row groups
    blocks = np.split(kept, np.searchsorted(kept, begins[1:]))
    encoded = [
        transform.encode(frame.iloc[rows], seed=seed, block=number)
        for number, rows in enumerate(blocks)
    ]
    place = {row: i for i, row in enumerate(kept.tolist())}
    ordered = ar.data.stream(
        [shard.path for shard in table.stream.shards], seed=table.stream.seed + seed, window=100
    )
    order = []
    for epoch in (0, 1, 2):
        windows = ordered.shuffled(
            lambda block: {"row": blocks[block]}, epoch=epoch, rows=table.rows
        )
        order += [place[row] for window in windows for row in window["row"].tolist()]
    assert sorted(order[:216]) == list(range(216)) != order[:216] != order[216:432]
    parts = ([part.choices for part in encoded], [part.numbers for part in encoded])
    return [np.concatenate(part)[order] for part in parts]


def test_batches_are_the_rows_of_memory_in_the_order_of_the_stream(frame, table):
    transform = table.fit_transform()
    batches = of_table(table, transform, batch_size=40, seed=2, multiple_of=3)
    assert batches.steps_per_epoch == 6  # 216 rows in batches of 39
    delivered = list(batches.dataset(0).take(12))
    choices, numbers = of_memory(frame, table, transform, seed=2)
    for number, batch in enumerate(delivered):
        rows = slice(39 * number, 39 * number + 39)
        np.testing.assert_array_equal(batch["choices"], choices[rows])
        np.testing.assert_array_equal(batch["numbers"], numbers[rows])
    later = next(iter(batches.dataset(1)))
    np.testing.assert_array_equal(later["choices"], delivered[6]["choices"])
    np.testing.assert_array_equal(later["seed"], delivered[6]["seed"])


def test_a_generator_trained_on_shards_has_the_weights_of_one_trained_in_memory(frame, table):
    transform = table.fit_transform()

    def built():
        model = build_table_vae(transform, noise_dim=4, hidden=(8,), conditional=("churned",))
        model.compile(optimizer=tf.keras.optimizers.SGD(0.01))
        return model

    settings = {"steps": 2, "steps_per_round": 2, "batch_size": 60}
    with run_eagerly():
        streamed, memory = built(), built()
        fit = fit_table_generator(streamed, table, table.validation, **settings)
        choices, numbers = of_memory(frame, table, transform, seed=0)
        seeds = of_table(table, transform, batch_size=60, seed=0).dataset(0).take(2)
        for number, batch in enumerate(seeds):
            rows = slice(60 * number, 60 * number + 60)
            held = {"choices": choices[rows], "numbers": numbers[rows], "seed": batch["seed"]}
            memory.train_step({name: tf.constant(value) for name, value in held.items()})
        rows = streamed.generate(20, {"churned": "yes"})
    assert fit.rounds == 1
    for one, other in zip(streamed.trainable_variables, memory.trainable_variables, strict=True):
        np.testing.assert_array_equal(one, other)
    # Nearly all of 270 rows are the only ones of their kind.
    assert 200 < len(streamed.refused) <= 270
    assert rows["churned"].tolist() == ["yes"] * 20


@pytest.mark.parametrize("private", [True, False])
def test_only_private_training_asks_for_each_row_of_a_batch_once(table, private, monkeypatch):
    asked = {}

    def of_table(*given, **settings):
        asked.update(settings)
        raise InterruptedError

    monkeypatch.setattr(training, "of_table", of_table)
    build = build_private_gan if private else build_table_gan
    model = build(table.fit_transform(), noise_dim=2)
    with pytest.raises(InterruptedError):
        fit_table_generator(model, table, table.validation, steps=1, steps_per_round=1, seed=5)
    assert asked["once"] == private and (asked["seed"] == 5) != private


def test_a_category_that_was_not_counted_is_refused_with_its_shard(frame, table, tmp_path):
    later = frame.copy()
    later.loc[130, "plan"] = "gold"
    shards = ar.data.stream(write(later, tmp_path / "later"))
    new = ar.tabular.count_table(shards, holdout_fraction=0, validation_fraction=0.01)
    with pytest.raises(DataError, match="part-1.parquet: Column 'plan'.*Received: 'gold'"):
        for block in range(8):
            new.encoded(table.fit_transform(), block)
    batches = of_table(new, table.fit_transform(), batch_size=300, seed=0)
    with pytest.raises(tf.errors.OpError, match="part-1.parquet: Column 'plan' should hold"):
        next(iter(batches.dataset(0)))


def test_a_shard_that_goes_away_after_counting_is_named(frame, tmp_path):
    shards = write(frame, tmp_path / "gone")
    table = ar.tabular.count_table(ar.data.stream(shards))
    os.remove(shards / "part-2.parquet")
    with pytest.raises(DataError, match="part-2.parquet: expected a shard, which was there"):
        list(table.frames())


def test_a_number_that_is_not_finite_is_refused_with_its_shard(frame, tmp_path):
    other = frame.copy()
    other.loc[250, "value"] = -np.inf
    stream = ar.data.stream(write(other, tmp_path / "infinite"))
    with pytest.raises(DataError, match="part-2.parquet, column 'value': expected finite numbers"):
        ar.tabular.count_table(stream, holdout_fraction=0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kinds": {"none": "category"}}, "`kinds` should give columns of user_id"),
        ({"label": "none"}, "part-0.parquet and the shards beside it: expected a label"),
        ({"holdout_fraction": 0.6}, "`holdout_fraction` should be in"),
        ({"sample_rows": 0}, "`sample_rows` >= 1"),
        ({"max_categories": 2}, "'plan': expected at most 2 categories. Received 3 in"),
    ],
)
def test_what_cannot_be_counted_is_refused(stream, given, message):
    with pytest.raises(ValueError, match=message):
        ar.tabular.count_table(stream, **given)


def test_columns_are_read_as_they_are_asked_for(stream):
    paths = [shard.path for shard in stream.shards]
    table = counted.open_table(
        paths, drop=["day", "user_id"], kinds={"gap": "category", "day": "date"}, label="flag"
    )
    assert table.schema.names == ["value", "gap", "flag", "plan", "churned"]
    assert table.schema["gap"].kind == "category" and "5" in table.facts["gap"].values
    assert table.values("flag").tolist() == [False, True]
    with pytest.raises(ValueError, match="`drop` should name columns of .*part-0.parquet.*'none'"):
        counted.open_table(paths, drop=["none"])


def test_booleans_and_texts_with_gaps_become_those_of_memory():
    rows = pa.table({"flag": [True, None, False], "text": ["b", None, "b"], "n": [1, None, 2]})
    frame = counted.as_frame(rows, {"flag": "bool", "text": "string", "n": "int"})
    assert frame["flag"].tolist() == [True, pd.NA, False]
    assert frame["text"].tolist() == ["b", None, "b"] and frame["text"].dtype == object
    assert frame["n"].dtype == np.float64 and np.isnan(frame["n"][1])
