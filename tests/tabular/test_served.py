"""The exported generator gives the rows of the one in memory, without this package."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from advrec_tf.serving import folder, saved_model
from advrec_tf.serving.c_api import CApiError, SavedModelSession
from advrec_tf.serving.module import ExportCheckError
from advrec_tf.tabular import schema
from advrec_tf.tabular.gan import build_table_gan
from advrec_tf.tabular.served import ServedGenerator, _dates, names_of
from advrec_tf.tabular.transform import TableTransform
from tests import malformed


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 200
    moments = np.datetime64("1969-06-01T00:00:00") + rng.integers(0, 10**9, n)
    return pd.DataFrame(
        {
            "the group": rng.choice(["a", "b", None], n),
            "spend": np.round(rng.lognormal(3, 1, n), 2),
            "visits": rng.integers(1, 400, n),
            "stars": rng.integers(1, 6, n),
            "score": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "when": moments,
            "day": moments.astype("datetime64[D]").astype("datetime64[s]"),
            "member": pd.array(rng.choice([True, False, None], n), dtype="boolean"),
            "flag": rng.random(n) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def model(frame):
    transform = TableTransform.fit(frame, schema.infer(frame))
    return build_table_gan(transform, conditional=("the group", "flag", "visits"))


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    return saved_model.export(ServedGenerator(model), tmp_path_factory.mktemp("models") / "table")


def test_served_rows_equal_those_in_memory(exported, model):
    report = saved_model.check(exported, ServedGenerator(model).cases())
    assert report.answers == 1024 and report.latency_us["serving_default"] > 0
    notes = folder.read_metadata(exported)
    assert notes["check"]["answers"] == 1024 and len(notes["columns"]) == 9
    assert notes["batches"] is False and not (exported / folder.WARMUP).exists()


def test_another_model_does_not_pass_the_check(exported, model):
    weights = model.averaged.get_weights()
    try:
        model.averaged.set_weights([w + 0.5 for w in weights])
        with pytest.raises(ExportCheckError, match="differ from the model in memory"):
            saved_model.check(exported, ServedGenerator(model).cases())
    finally:
        model.averaged.set_weights(weights)


def test_given_values_are_kept_and_others_are_drawn(exported):
    with SavedModelSession(exported) as session:
        rows = session.run(
            "generate_given",
            {
                "num_rows": 4,
                "seed": [1, 2],
                "the_group": ["a", "b", "a", ""],
                "flag": ["True", "", "False", ""],
            },
        )
        assert rows["the_group"][:3].tolist() == ["a", "b", "a"]
        assert rows["flag"][[0, 2]].tolist() == [True, False]
        inputs = {"num_rows": 1, "seed": [1, 2], "the_group": ["z"], "flag": [""]}
        with pytest.raises(CApiError, match="`the group` should hold values of the fitted table"):
            session.run("generate_given", inputs)


def test_no_rows_and_too_many_are_refused(exported):
    with SavedModelSession(exported) as session:
        for count in (0, 100_001):
            with pytest.raises(CApiError, match="num_rows"):
                session.run("serving_default", {"num_rows": count, "seed": [0, 0]})


def test_the_transform_lies_beside_the_graph(exported, model):
    notes = folder.read_metadata(exported)
    again = TableTransform.from_dict(notes["transform"])
    assert again.layout == model.layout
    assert notes["conditional"] == ["the group", "flag"]
    assert json.dumps(notes, allow_nan=False)


def test_dates_in_the_graph_are_those_of_the_calendar():
    days = np.array(["1899-12-31", "1970-01-01", "2000-02-29", "2023-03-01", "2100-02-28"])
    seconds = days.astype("datetime64[s]").astype(np.int64).astype(np.float64)
    texts = _dates(tf.constant([*seconds, np.nan], tf.float64), day=True).numpy()
    assert [t.decode() for t in texts] == [*days, ""]
    text = _dates(tf.constant([-1.0], tf.float64), day=False).numpy()[0]
    assert text == b"1969-12-31T23:59:59"


def test_columns_that_come_to_one_name_are_numbered(frame, tmp_path):
    assert names_of(["a b", "a_b", "\u6771\u4eac", "\u4eac\u90fd", "seed", "a_b_2"]) == {
        "a b": "a_b",
        "a_b": "a_b_2",
        "\u6771\u4eac": "c___",
        "\u4eac\u90fd": "c____2",
        "seed": "seed_2",
        "a_b_2": "a_b_2_2",
    }
    renamed = frame.rename(columns={"spend": "the_group"})
    transform = TableTransform.fit(renamed, schema.infer(renamed))
    model = build_table_gan(transform)
    path = saved_model.export(ServedGenerator(model), tmp_path / "model")
    noted = json.loads((path / "assets.extra" / "advrec_tf.json").read_text())["columns"]
    assert sorted(noted) == sorted(transform.layout.names)
    assert len(set(noted.values())) == len(noted)


def test_a_column_that_differs_is_found(model):
    (rows,) = [case for case in ServedGenerator(model).cases() if case.title == "rows"]
    column, values = rows.expected.columns["stars"]
    stars = values[:100].tolist()
    rows.expected.columns = {"stars": (column, values[:100])}
    assert rows.expected.difference("x", {"stars": stars}, 1e-4) == 0.0
    off = [stars[0] + 1, stars[1] + 1, *stars[2:]]
    with pytest.raises(ExportCheckError, match="x: 2.0% of column 'stars' differ"):
        rows.expected.difference("x", {"stars": off}, 1e-4)


@pytest.mark.slow
def test_the_process_outlives_all_malformed_requests(exported):
    answer = malformed.ask(exported)
    assert answer["other"] == []
    assert set(answer["signatures"]) == {"serving_default", "generate_given"}
    assert sum(answer["signatures"].values()) >= 170
