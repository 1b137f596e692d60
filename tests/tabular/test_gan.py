"""The GAN of table rows, its variational ablation and the controls, through one interface."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.batches import of_rows
from advrec_tf.tabular.controls import CONTROLS
from advrec_tf.tabular.gan import build_table_gan
from advrec_tf.tabular.networks import widened
from advrec_tf.tabular.training import GenerationFailure, fit_table_generator
from advrec_tf.tabular.transform import TableTransform

SEED = tf.constant([1, 2])


NAMES = ["gan", "vae", *CONTROLS]


@pytest.mark.parametrize("name", NAMES)
def test_generated_rows_have_the_columns_types_and_ranges(fitted, frame, name):
    rows = fitted[name].generate(500, seed=3)
    assert list(rows.columns) == list(frame.columns) and len(rows) == 500
    assert (rows.dtypes.drop("gap") == frame.dtypes.drop("gap")).all()
    assert set(rows["group"]) <= {"left", "right"}
    for column in ("value", "day", "gap"):
        assert rows[column].min() >= frame[column].min()
        assert rows[column].max() <= frame[column].max()
    assert (rows["value"] == rows["value"].round(2)).all()
    assert rows["gap"].isna().any()


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_rows_and_other_seeds_others(fitted, name):
    first, again, other = (fitted[name].generate(50, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize("name", NAMES)
def test_conditions_are_kept(fitted, name):
    rows = fitted[name].generate(40, {"group": "left", "day": "2024-01-09"})
    assert set(rows["group"]) == {"left"}
    assert (rows["day"] == pd.Timestamp("2024-01-09")).all()


@pytest.mark.parametrize("name", ["gan", "vae", "bootstrap"])
def test_other_columns_go_with_the_conditions(fitted, name):
    # value is about -3 on the left and 3 on the right
    sides = ["left", "right"] * 100
    rows = fitted[name].generate(200, {"group": sides})
    means = rows.groupby("group")["value"].mean()
    assert means["left"] < -1 and means["right"] > 1


def test_the_discriminator_sees_packs_of_rows(frame, transform):
    model = build_table_gan(transform, pack=4)
    batch = next(iter(of_rows(transform.encode(frame), batch_size=40, seed=0).dataset(0)))
    assert model.real_samples(batch).shape == (10, 4 * transform.layout.width)
    assert model.fake_samples(batch, SEED, training=True).shape == (10, 4 * transform.layout.width)
    np.testing.assert_allclose(
        tf.reshape(model.real_samples(batch), [40, -1]),
        widened(batch["choices"], batch["numbers"], transform.layout),
    )


@pytest.mark.parametrize(
    "setting",
    [{"pack": 0}, {"temperature": 0.0}, {"averaging": 1.0}, {"pack": "2"}, {"averaging": "0.9"}],
    ids=str,
)
def test_settings_out_of_range_are_refused(transform, setting):
    with pytest.raises(ValueError, match=f"`{next(iter(setting))}`"):
        build_table_gan(transform, **{"pack": 1, **setting})


def collapsed(model):
    """The generator's last bias makes every row the same."""
    for network in (model.generator, model.averaged):
        weights = [np.zeros_like(w) for w in network.get_weights()]
        weights[-1][:] = np.where(np.arange(len(weights[-1])) % 5 == 0, 60.0, -60.0)
        network.set_weights(weights)


def test_a_planted_collapse_is_detected_and_said(frame, transform):
    model = build_table_gan(transform, variational=False)
    model.compile(d_optimizer=keras.optimizers.SGD(0.0), g_optimizer=keras.optimizers.SGD(0.0))
    collapsed(model)
    with pytest.raises(
        GenerationFailure, match=r"wrote nothing worth keeping: collapsed: the sample has \d+% of"
    ):
        fit_table_generator(model, frame, frame.iloc[:60], steps=2, steps_per_round=1)


def test_wide_categories_are_read_through_an_embedding():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"item": [f"i{v}" for v in rng.integers(0, 80, 600)], "label": rng.integers(0, 2, 600)}
    )
    transform = TableTransform.fit(frame, table_schema.infer(frame))
    model = build_table_gan(transform, pack=2)
    names = [layer.name for layer in model.discriminator.layers]
    assert "discriminator_embedding_0" in names
    # 80 values -> 18 = 2 * sqrt(80)
    assert model.discriminator.get_layer("discriminator_embedding_0").units == 18
