"""The GAN of table rows, its variational ablation and the controls, through one interface."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.batches import of_rows
from advrec_tf.tabular.conditions import Conditions
from advrec_tf.tabular.controls import CONTROLS
from advrec_tf.tabular.disclosure import duplicate_share
from advrec_tf.tabular.gan import build_table_gan
from advrec_tf.tabular.networks import drawn_codes, raw_width, soft_rows, widened
from advrec_tf.tabular.training import FidelityValidation, GenerationFailure, fit_table_generator
from advrec_tf.tabular.transform import RowLayout, TableTransform
from advrec_tf.tabular.vae import build_table_vae

LAYOUT = RowLayout(names=("a", "b"), widths=(3, 3), modes=(0, 2))
SEED = tf.constant([1, 2])


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 300)
    return pd.DataFrame(
        {
            "group": np.array(["left", "right"])[group],
            "value": np.round(rng.normal(6.0 * group - 3, 0.5), 2),
            "day": (np.datetime64("2024-01-01") + rng.integers(0, 60, 300)).astype("datetime64[s]"),
            "gap": np.where(rng.random(300) < 0.2, np.nan, rng.integers(1, 90, 300)),
            "flag": rng.random(300) < 0.3,
        }
    )


@pytest.fixture(scope="module")
def transform(frame):
    return TableTransform.fit(frame, table_schema.infer(frame))


@pytest.fixture(scope="module")
def narrow(frame):
    """Two of the columns, and their transform: a step that is built in less time."""
    two = frame[["group", "value"]]
    return two, TableTransform.fit(two, table_schema.infer(two))


def compiled(model):
    if hasattr(model, "players"):
        rates = (keras.optimizers.Adam(1e-3, 0.5, 0.9) for _ in range(2))
        model.compile(d_optimizer=next(rates), g_optimizer=next(rates), steps_per_execution=10)
    else:
        model.compile(optimizer=keras.optimizers.Adam(2e-3), steps_per_execution=10)
    return model


SMALL = {"noise_dim": 8, "conditional": ("group", "day")}


@pytest.fixture(scope="module")
def fitted(frame, transform):
    """name -> generator, each trained for a few steps."""
    models = {name: make(transform, frame) for name, make in CONTROLS.items()}
    for name, build in (("gan", build_table_gan), ("vae", build_table_vae)):
        models[name] = compiled(build(transform, **SMALL))
        report = fit_table_generator(
            models[name],
            frame.iloc[:240],
            frame.iloc[240:],
            steps=300,
            steps_per_round=100,
            batch_size=100,
        )
        assert report.verdict == "no collapse, no divergence"
    return models


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


def test_conditions_on_unknown_columns_values_or_lengths_are_refused(fitted):
    with pytest.raises(ValueError, match="`conditions` should be on group, day.*Received: value"):
        fitted["gan"].generate(3, {"value": 1.0})
    with pytest.raises(ValueError, match="Column 'group'.*Received: 'middle'"):
        fitted["gan"].generate(3, {"group": "middle"})
    with pytest.raises(ValueError, match="should have 3 values for 'group'. Received: 2"):
        fitted["gan"].generate(3, {"group": ["left", "left"]})
    with pytest.raises(ValueError, match="`n` should be >= 1"):
        fitted["gan"].generate(0)


def test_copies_of_refused_rows_are_drawn_anew(frame, transform):
    bootstrap = CONTROLS["bootstrap"](transform, frame)
    few = len(frame) // 50
    bootstrap.refuse_copies_of(frame.iloc[:few])
    rows = bootstrap.generate(300)
    allowed = frame.iloc[few:].merge(rows, how="inner")
    assert bootstrap.copies_left == 0 < bootstrap.copies_drawn
    assert len(rows.merge(frame.iloc[:few].drop_duplicates(), how="inner")) == 0
    assert len(allowed) > 0


def test_copies_that_cannot_be_avoided_are_counted(frame, transform):
    bootstrap = CONTROLS["bootstrap"](transform, frame)
    bootstrap.refuse_copies_of(frame)
    bootstrap.generate(30)
    assert bootstrap.copies_left == bootstrap.copies_drawn == 30


def test_what_several_people_share_is_no_copy():
    frame = pd.DataFrame({"plan": ["a"] * 60 + ["b", "c"], "active": [1] * 60 + [0, 0]})
    schema = table_schema.infer(frame)
    transform = TableTransform.fit(frame, schema)
    bootstrap = CONTROLS["bootstrap"](transform, frame)
    bootstrap.refuse_copies_of(frame)
    assert len(bootstrap.refused) == 2  # b and c
    written = pd.DataFrame({"plan": ["a", "b", "a", "b"], "active": [1, 0, 1, 1]})
    assert duplicate_share(written, frame, schema) == 0.25


def test_a_table_of_few_values_is_not_bent_by_refusing_what_is_rare_in_it():
    # 95 of 100 rows are shared; the five others are a quarter of what is drawn.
    frame = pd.DataFrame({"plan": ["a"] * 95 + list("bcdef"), "churned": [0] * 95 + [1] * 5})
    transform = TableTransform.fit(frame, table_schema.infer(frame))
    rare = frame.iloc[np.r_[0:15, 95:100]]
    bootstrap = CONTROLS["bootstrap"](transform, rare)
    bootstrap.refuse_copies_of(frame)
    rows = bootstrap.generate(400)
    assert bootstrap.copies_left == bootstrap.copies_drawn > 0.05 * 400
    assert rows["churned"].astype(float).mean() == pytest.approx(0.25, abs=0.06)


def test_a_bootstrap_has_the_pairs_and_independent_marginals_have_not(fitted):
    for name, together in (("bootstrap", True), ("marginals", False)):
        rows = fitted[name].generate(1000)
        agree = ((rows["value"] > 0) == (rows["group"] == "right")).mean()
        assert (agree > 0.95) if together else (0.4 < agree < 0.6)


def test_a_row_is_widened_to_numbers_and_one_hot_blocks():
    rows = widened(tf.constant([[2, 0]]), tf.constant([[0.5]]), LAYOUT)
    assert rows.numpy().tolist() == [[0.5, 0, 0, 1, 1, 0, 0]]


def test_the_number_is_that_of_the_chosen_mode():
    # two numbers (modes of b), then 3 + 3 logits; the choice is forced by large logits
    raw = np.zeros((3, raw_width(LAYOUT)), np.float32)
    raw[:, :2] = np.arctanh([0.25, -0.5])
    for row, choice in enumerate((0, 1, 2)):
        raw[row, 5 + choice] = 100.0
    rows = soft_rows(tf.constant(raw), LAYOUT, SEED, temperature=1.0)
    choices, numbers = drawn_codes(tf.constant(raw), LAYOUT, SEED)
    assert choices[:, 1].numpy().tolist() == [0, 1, 2]
    # the third choice is no mode: missing, or a single value
    np.testing.assert_allclose(rows[:, 0], [0.25, -0.5, 0.0], atol=1e-6)
    np.testing.assert_allclose(numbers[:, 0], [0.25, -0.5, 0.0], atol=1e-6)


def test_choices_are_drawn_by_their_probabilities():
    raw = tf.tile(tf.math.log([[1.0, 1, 7, 2, 1, 1, 1, 1]]), [20_000, 1])
    choices, _ = drawn_codes(raw, LAYOUT, SEED)
    # logits of a: log 7, log 2, log 1 less their place -> (7, 2, 1) / 10
    fraction = np.bincount(choices[:, 0].numpy(), minlength=3) / 20_000
    np.testing.assert_allclose(fraction, [0.7, 0.2, 0.1], atol=0.02)


def test_gradients_pass_through_hard_choices():
    raw = tf.Variable(np.zeros((4, raw_width(LAYOUT)), np.float32))
    with tf.GradientTape() as tape:
        rows = soft_rows(raw, LAYOUT, SEED, temperature=0.5)
        loss = tf.reduce_sum(rows[:, 1] * 3.0)
    assert set(np.unique(rows[:, 1:4])) == {0.0, 1.0}
    assert np.abs(tape.gradient(loss, raw)[:, 2:5]).min() > 0


def test_a_condition_holds_what_is_flagged_and_nothing_else():
    conditions = Conditions(LAYOUT, ("b",))
    rows = tf.constant([[0.5, 0, 0, 1, 1, 0, 0]])
    shown = conditions.read(rows, tf.constant([[1.0]]))
    hidden = conditions.read(rows, tf.constant([[0.0]]))
    assert shown.numpy().tolist() == [[0.5, 1, 0, 0, 1]]
    assert hidden.numpy().tolist() == [[0, 0, 0, 0, 0]]
    kept = conditions.keep(tf.zeros_like(rows), rows, tf.constant([[1.0]]))
    assert kept.numpy().tolist() == [[0.5, 0, 0, 0, 1, 0, 0]]


def test_the_discriminator_sees_packs_of_rows(frame, transform):
    model = build_table_gan(transform, pack=4)
    batch = next(iter(of_rows(transform.encode(frame), batch_size=40, seed=0).dataset(0)))
    assert model.real_samples(batch).shape == (10, 4 * transform.layout.width)
    assert model.fake_samples(batch, SEED, training=True).shape == (10, 4 * transform.layout.width)
    np.testing.assert_allclose(
        tf.reshape(model.real_samples(batch), [40, -1]),
        widened(batch["choices"], batch["numbers"], transform.layout),
    )


def test_rows_are_written_by_the_running_average_of_the_weights(frame, transform):
    model = compiled(build_table_gan(transform, averaging=0.75))
    before = model.averaged.get_weights()[0]
    batch = next(iter(of_rows(transform.encode(frame), batch_size=40, seed=0).dataset(0)))
    model.train_step(batch)
    expected = 0.75 * before + 0.25 * model.generator.get_weights()[0]
    np.testing.assert_allclose(model.averaged.get_weights()[0], expected, rtol=1e-5)


def test_without_an_adversary_the_gan_is_its_variational_ablation(frame, transform):
    gan = build_table_gan(transform, adversarial_weight=0.0, noise_dim=8)
    vae = build_table_vae(transform, noise_dim=8)
    vae.set_weights(gan.evidence.get_weights())
    gan.compile(d_optimizer=keras.optimizers.SGD(0.1), g_optimizer=keras.optimizers.SGD(0.1))
    vae.compile(optimizer=keras.optimizers.SGD(0.1))
    batch = next(iter(of_rows(transform.encode(frame), batch_size=40, seed=0).dataset(0)))
    gan.generator_step(batch, batch["seed"])
    vae.train_step(batch)
    for one, other in zip(gan.evidence.trainable_weights, vae.trainable_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    "setting", [{"pack": 0}, {"temperature": 0.0}, {"averaging": 1.0}], ids=lambda s: next(iter(s))
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


def test_a_planted_divergence_is_said_and_earlier_weights_are_kept(narrow):
    frame, transform = narrow
    model = compiled(build_table_gan(transform))

    class Plant(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                weights = self.model.discriminator.get_weights()
                weights[0][:] = np.nan
                self.model.discriminator.set_weights(weights)

    report = fit_table_generator(
        model,
        frame,
        frame.iloc[:60],
        steps=40,
        steps_per_round=20,
        batch_size=60,
        callbacks=[Plant()],
    )
    assert "diverged: table_gan: `d_loss` became NaN" in report.verdict
    assert "weights of round 1 are kept" in report.verdict
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_a_loss_that_explodes_without_becoming_nan_stops_training(frame, transform):
    model = compiled(build_table_gan(transform))
    guard = FidelityValidation(frame, frame, patience=3)
    guard.set_model(model)
    model.stop_training = False
    guard.on_epoch_end(0, {"d_loss": -2e5, "g_loss": 0.0})
    assert model.stop_training and guard.best_weights is None
    assert guard.warnings == ["diverged: d_loss reached -2e+05 in round 1"]


def test_a_stopped_fit_goes_on_where_it_was(narrow, tmp_path):
    frame, transform = narrow

    def train(rounds, checkpoint):
        keras.utils.set_random_seed(0)
        model = compiled(build_table_gan(transform, noise_dim=8))
        fit_table_generator(
            model,
            frame.iloc[:240],
            frame.iloc[240:],
            steps=10 * rounds,
            steps_per_round=10,
            batch_size=60,
            keep_last=True,
            checkpoint=checkpoint,
        )
        return model.averaged.get_weights()

    whole = train(3, None)
    train(1, tmp_path / "fit.npz")
    resumed = train(3, tmp_path / "fit.npz")
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


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
