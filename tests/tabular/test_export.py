"""The exported generator writes the rows of the one in memory, without this package."""

import json

import numpy as np
import pandas as pd
import pytest

from advrec_tf.serving import folder
from advrec_tf.serving.answers import ExportCheckError
from advrec_tf.serving.c_api import CApiError, SavedModelSession
from advrec_tf.tabular import schema
from advrec_tf.tabular.export import check_generator, export_generator
from advrec_tf.tabular.gan import build_table_gan
from advrec_tf.tabular.transform import TableTransform


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
    return export_generator(model, tmp_path_factory.mktemp("models") / "table")


def test_served_rows_equal_those_in_memory(exported, model):
    report = check_generator(exported, model)
    assert (report.rows, report.columns) == (1024, 9)
    assert report.rows_per_second > 0


def test_another_model_does_not_pass_the_check(exported, model):
    weights = model.averaged.get_weights()
    try:
        model.averaged.set_weights([w + 0.5 for w in weights])
        with pytest.raises(ExportCheckError, match="differ from the model in memory"):
            check_generator(exported, model)
    finally:
        model.averaged.set_weights(weights)


def test_given_values_are_kept_and_free_ones_written(exported):
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
