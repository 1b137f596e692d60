import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.losses import weighted_mean
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.negatives import DNS, ByPopularity, Generator
from advrec_tf.models.objectives import BPR, SampledSoftmax
from advrec_tf.models.retrieval import two_tower
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.ops.sparse_updates import rule_of
from advrec_tf.perturbations import fgsm, pgd
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.callbacks import AdversarialReport
from advrec_tf.training.optimizers import LazyAdam
from advrec_tf.training.perturb_outputs import perturb_outputs


def embedding(values):
    values = np.array(values, np.float32)
    layer = keras.layers.Embedding(*values.shape)
    layer.build(None)
    layer.set_weights([values])
    return layer


class Linear(RecommenderModel):
    """The loss of a row is c . e(row), c = (3, 4)."""

    def __init__(self, values):
        super().__init__()
        self.table = embedding(values)

    def row_losses(self, index):
        return tf.linalg.matvec(self.table(index), tf.constant([3.0, 4.0]))

    def compute_loss(self, inputs, training=False):
        return weighted_mean(self.row_losses(inputs["user_index"]), inputs["weight"])

    def score(self, user_index):
        return self.table(user_index)


class Square(Linear):
    """The loss of a row is |e(row)|^2."""

    def row_losses(self, index):
        return tf.reduce_sum(tf.square(self.table(index)), -1)


TABLE = [[1, 0], [0, 1], [2, 2], [0, 0]]  # c . e = 3, 4, 14, 0


def batch(rows=(0, 1, 2, 3), weight=None, seed=(0, 0)):
    return {
        "user_index": tf.constant(rows),
        "weight": tf.ones(len(rows)) if weight is None else tf.constant(weight, tf.float32),
        "seed": tf.constant(seed),
    }


def loss_of(model, perturbation, inputs=None, **settings):
    model = AdversarialTraining(model, perturbation, **settings)
    return float(model.compute_loss(inputs or batch(), training=True))


def test_the_loss_is_the_clean_one_plus_the_weighted_worst_case():
    # clean 21 / 4; moving every row by .1 along (.6, .8) adds .1 * |(3, 4)| = .5
    clean = 21 / 4
    assert loss_of(
        Linear(TABLE), fgsm(0.1, relative=False), fraction=1.0, weight=2.0
    ) == pytest.approx(clean + 2 * (clean + 0.5))
    # in the sup norm every coordinate moves: .1 * (3 + 4)
    assert loss_of(
        Linear(TABLE), fgsm(0.1, norm="linf", relative=False), fraction=1.0
    ) == pytest.approx(clean + clean + 0.7)


@pytest.mark.parametrize(
    ("fraction", "chosen"), [(0.25, 1), (0.5, 2), (0.6, 3), (0.75, 3), (1.0, 4)]
)
def test_only_the_first_share_of_the_batch_is_taken_adversarially(fraction, chosen):
    # ceil(share * 4) rows of losses 3, 4, 14, 0
    adversarial = np.mean([3, 4, 14, 0][:chosen]) + 0.5
    found = loss_of(Linear(TABLE), fgsm(0.1, relative=False), fraction=fraction, weight=2.0)
    assert found == pytest.approx(21 / 4 + 2 * fraction * adversarial, rel=1e-5)


def test_a_loss_of_the_models_own_code_is_a_sum_where_it_is_said():
    # As above with a fraction of 1/2: the losses 3 and 4 and .5 each; a mean counts half of it.
    settings = {"fraction": 0.5, "weight": 2.0}
    for summed, factor in ((None, 0.5), (False, 0.5), (True, 1.0)):
        model = Linear(TABLE)
        model.loss_is_summed = summed
        found = loss_of(model, fgsm(0.1, relative=False), **settings)
        assert found == pytest.approx(21 / 4 + 2 * factor * 4.0, rel=1e-5)
    model.loss_is_summed = 1
    with pytest.raises(ValueError, match="`loss_is_summed` should be True or False. Received: 1"):
        AdversarialTraining(model, fgsm(0.1, relative=False))


def test_a_model_that_is_trained_adversarially_is_not_wrapped_again():
    model = AdversarialTraining(Linear(TABLE), fgsm(0.1, relative=False))
    with pytest.raises(ValueError, match="Received: an AdversarialTraining, whose loss has an adv"):
        AdversarialTraining(model, fgsm(0.1, relative=False))


def test_the_weights_of_the_rows_count_in_the_adversarial_term_too():
    # clean (3 + 3 * 4) / 4 = 3.75 and so the other, with .5 more
    inputs = batch([0, 1], weight=[1, 3])
    assert loss_of(Linear(TABLE), fgsm(0.1, relative=False), inputs, fraction=1.0) == pytest.approx(
        3.75 + 4.25
    )


def test_a_relative_budget_follows_the_size_of_each_row():
    # |e| = 1, 1, sqrt 8, 0 times .1 times |c| = 5
    gain = 0.5 * (1 + 1 + math.sqrt(8) + 0) / 4
    found = loss_of(Linear(TABLE), fgsm(0.1, relative=True), fraction=1.0)
    assert found == pytest.approx(21 / 2 + gain, rel=1e-5)


def test_several_steps_find_the_worst_point_where_one_does_not():
    # |e|^2 grows along e itself: (1 + .1)^2 either way; a start at 0 has no gradient to follow
    for steps in (1, 5):
        found = loss_of(
            Square([[1, 0]]), pgd(0.1, steps=steps, relative=False), batch([0]), fraction=1.0
        )
        assert found == pytest.approx(1 + 1.21, rel=1e-5)
    assert (
        loss_of(Square([[0, 0]]), pgd(0.1, steps=5, relative=False), batch([0]), fraction=1.0)
        == 0.0
    )


def test_the_noise_of_the_control_has_the_size_of_the_attack():
    # around 0 the loss is the squared size of the perturbation
    zeros = [[0, 0, 0, 0]] * 3
    inputs = batch([0, 1, 2])
    control = fgsm(0.3, direction="random", relative=False)
    assert loss_of(Square(zeros), control, inputs, fraction=1.0) == pytest.approx(0.09, rel=1e-5)


def test_noise_follows_the_seed_of_the_batch_and_does_less_harm():
    control = fgsm(0.1, direction="random", relative=False)
    found = [loss_of(Linear(TABLE), control, batch(seed=seed)) for seed in ((1, 2), (1, 2), (1, 3))]
    assert found[0] == found[1] != found[2]
    assert all(loss < loss_of(Linear(TABLE), fgsm(0.1, relative=False)) for loss in found)


def test_the_gradient_is_that_of_both_terms_with_the_perturbation_held_still():
    # |e|^2 at e = 1 and at e + .1: 2 e + 2 (e + .1) = 4.2 (not 2 e + 2 * 1.1 * 1.1 or so)
    model = AdversarialTraining(Square([[1, 0]]), fgsm(0.1, relative=True), fraction=1.0)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch([0]), training=True)
    gradient = tf.convert_to_tensor(tape.gradient(loss, model.trainable_variables)[0])
    np.testing.assert_allclose(gradient, [[4.2, 0]], rtol=1e-5)


@pytest.mark.parametrize(("fraction", "steps", "passes"), [(1.0, 1, 2), (1.0, 3, 4), (0.5, 1, 3)])
def test_the_clean_pass_of_a_whole_batch_is_the_first_step_of_the_attack(fraction, steps, passes):
    class Counting(Linear):
        calls = 0

        def compute_loss(self, inputs, training=False):
            self.calls += 1
            return super().compute_loss(inputs, training)

    model = Counting(TABLE)
    loss_of(model, pgd(0.1, steps=steps, relative=False), fraction=fraction)
    assert model.calls == passes


def test_nothing_is_perturbed_in_evaluation():
    plain, model = (
        Linear(TABLE),
        AdversarialTraining(Linear(TABLE), fgsm(0.5, relative=False), fraction=1.0),
    )
    assert float(model.compute_loss(batch(), training=False)) == 21 / 4
    assert float(model.compute_loss(batch())) == 21 / 4
    index = tf.constant([2, 0])
    np.testing.assert_array_equal(model.score(index), plain.score(index))


def test_radius_and_norm_are_those_of_the_epoch_after_validation_too():
    # the rows are (3, 4) and (0, 5): both of norm 5, and a tenth of it is the radius
    model = AdversarialTraining(Linear([[3, 4], [0, 5]]), fgsm(0.1, relative=True), fraction=1.0)
    model.compile(keras.optimizers.SGD(0.0))
    examples, lines = tf.data.Dataset.from_tensors(batch((0, 1))), []
    history = model.fit(
        examples,
        validation_data=examples,
        epochs=2,
        callbacks=[AdversarialReport(lines.append)],
        verbose=0,
    ).history
    assert history["radius"] == pytest.approx([0.5, 0.5])
    assert history["value_norm"] == pytest.approx([5.0, 5.0])
    assert len(lines) == 2 and lines[1].endswith("radius 0.5 meet vectors of mean norm 5.")
    model.model.table.set_weights([np.float32([[6, 8], [0, 10]])])
    model.fit(examples, validation_data=examples, verbose=0)
    assert model.radius_and_norm() == pytest.approx((1.0, 10.0))


OFF = "The adversarial loss is not measured: the adversary has a weight or a radius of 0."


@pytest.mark.parametrize("settings", [{"epsilon": 0.0}, {"weight": 0.0}])
def test_without_an_adversary_the_clean_loss_is_the_loss_and_no_other_is_told(settings):
    settings = {"epsilon": 0.1, **settings}
    budget = fgsm(settings.pop("epsilon"), relative=False)
    model = AdversarialTraining(Linear(TABLE), budget, fraction=1.0, **settings)
    model.model.table.activity_regularizer = lambda rows: tf.constant(8.0)
    model.compile(keras.optimizers.SGD(0.0))
    lines = []
    history = model.fit(
        tf.data.Dataset.from_tensors(batch()).repeat(3),
        epochs=2,
        callbacks=[AdversarialReport(lines.append)],
        verbose=0,
    ).history
    # (3 + 4 + 14 + 0) / 4, and 8 / 4 of the layer, since Keras divides by the batch
    assert history == {"loss": [7.25, 7.25], "clean_loss": [7.25, 7.25]}
    assert lines == [f"Epoch {epoch}: the clean loss is 7.2500. {OFF}" for epoch in (1, 2)]
    assert float(model.compute_loss(batch(), training=True)) == 5.25


def test_each_of_two_replicas_adds_its_half_of_the_regularization(monkeypatch):
    monkeypatch.setattr("advrec_tf.models.trained.num_replicas", lambda: 2)
    for weight, worst in ((0.0, 0.0), (1.0, 5.75)):
        inner = Linear(TABLE)
        inner.loss_is_share = True
        inner.table.activity_regularizer = lambda rows: tf.constant(8.0)
        model = AdversarialTraining(inner, fgsm(0.1, relative=False), fraction=1.0, weight=weight)
        # 21 / 4, half of 8 / 4, and at the worst case .5 more
        assert float(model.loss_and_gradients(batch())[0]) == pytest.approx(5.25 + 1 + worst)


def test_the_report_tells_of_a_warmup_until_it_is_over():
    model = AdversarialTraining(
        Linear(TABLE), fgsm(0.1, relative=False), fraction=1.0, warmup_steps=5
    )
    model.compile(keras.optimizers.SGD(0.0))
    lines = []
    history = model.fit(
        tf.data.Dataset.from_tensors(batch()).repeat(3),
        epochs=2,
        callbacks=[AdversarialReport(lines.append)],
        verbose=0,
    ).history
    # 21 / 4; at the worst case .5 more; of six steps the last follows both
    assert history["clean_loss"] == pytest.approx([5.25, 5.25])
    assert history["adversarial_loss"] == pytest.approx([5.75, 5.75])
    assert history["loss"] == pytest.approx([5.25, 5.25 + 5.75 / 3])
    assert "the clean loss is 5.2500 and the adversarial loss 5.7500." in lines[0]
    assert lines[0].endswith(" The adversary enters the loss after 5 steps, of which 3 are done.")
    assert lines[1].endswith(" meet vectors of mean norm 1.207.")  # (1 + 1 + sqrt 8 + 0) / 4


def test_a_block_without_an_adversary_has_its_loss_for_the_clean_one():
    data = interactions()
    model = AdversarialTraining(MatrixFactorization(data, dim=3, seed=1), fgsm(0.1), weight=0.0)
    model.compile(optimizer=LazyAdam(0.05))
    for table in model.model.trainable_variables:
        table.assign(tf.zeros_like(table))
    logs = model.train_step(block_of(data))
    assert set(logs) == {"loss", "clean_loss"}
    # BPR of equal scores: log 2 at each step, since the gradient at 0 is 0
    assert float(logs["clean_loss"]) == float(logs["loss"]) == pytest.approx(math.log(2))


@pytest.mark.parametrize("settings", [{"epsilon": 0.0}, {"weight": 0.0}])
def test_no_budget_or_no_weight_is_plain_training_step_for_step(settings):
    data = interactions()
    plain = MatrixFactorization(data, dim=3, seed=1)
    model = AdversarialTraining(
        MatrixFactorization(data, dim=3, seed=1),
        fgsm(settings.get("epsilon", 0.5), relative=False),
        weight=settings.get("weight", 1.0),
    )
    for trained in (plain, model):
        trained.compile(optimizer=LazyAdam(0.05))
    for inputs in batches.of_pairs(data, batch_size=4, seed=0).dataset(0).take(4):
        one, other = plain.train_step(inputs), model.train_step(inputs)
        assert float(one["loss"]) == float(other["loss"])
        for a, b in zip(plain.trainable_variables, model.trainable_variables, strict=True):
            np.testing.assert_array_equal(a, b)


def test_layers_are_as_before_where_the_loss_raises():
    class Broken(Linear):
        def compute_loss(self, inputs, training=False):
            loss = super().compute_loss(inputs, training)
            if "call" in vars(self.table):
                raise RuntimeError("perturb_outputs")
            return loss

    model = AdversarialTraining(Broken(TABLE), fgsm(0.1, relative=False))
    with pytest.raises(RuntimeError, match="perturb_outputs"):
        model.compute_loss(batch(), training=True)
    assert "call" not in vars(model.model.table)
    np.testing.assert_array_equal(model.score(tf.constant([2])), [[2, 2]])


def interactions():
    pairs = np.array([(u, (u + s) % 6) for u in range(5) for s in (0, 1, 2, 4)], np.int32)
    return Interactions(
        user_index=pairs[:, 0],
        item_index=pairs[:, 1],
        users=Vocabulary(np.arange(5)),
        items=Vocabulary(np.arange(6)),
    )


def small_tower(data):
    model = two_tower(data, embedding_dim=3, seed=1)
    return model, None, batches.of_pairs(data, batch_size=8, seed=0)


def factorization(data):
    return (
        MatrixFactorization(data, dim=3, seed=1),
        None,
        batches.of_pairs(data, batch_size=8, seed=0),
    )


def autoencoder(data):
    model = ProfileAutoencoder(data, dim=3, drop=0.5, seed=1)
    return model, [model.item_layer], batches.of_users(np.arange(5), batch_size=5, seed=0)


@pytest.mark.parametrize("build", [small_tower, factorization, autoencoder])
def test_the_attack_harms_each_kind_of_model_and_more_than_noise_does(build):
    model, layers, made = build(interactions())
    inputs = next(iter(made.dataset(0)))
    clean = float(model.compute_loss(inputs, training=True))
    budget = {"epsilon": 0.05, "relative": True}
    # adversarial term alone: (loss - clean) with weight and share of 1
    attack, noise, longer = (
        loss_of(model, perturbation, inputs, layers=layers, fraction=1.0) - clean
        for perturbation in (
            fgsm(**budget),
            fgsm(**budget, direction="random"),
            pgd(**budget, steps=5),
        )
    )
    assert attack > clean + 1e-4 and attack > noise + 1e-4
    assert longer > attack - 1e-3 * clean
    assert float(model.compute_loss(inputs, training=True)) == clean


@pytest.mark.parametrize("build", [small_tower, factorization, autoencoder])
def test_each_kind_of_model_trains_against_the_attack(build):
    model, layers, made = build(interactions())
    trained = AdversarialTraining(model, fgsm(0.1, relative=True), layers=layers, weight=1.0)
    trained.compile(optimizer=LazyAdam(0.05))
    before = trained.get_weights()
    for inputs in made.dataset(0).take(2):
        logs = trained.train_step(inputs)
    assert set(logs) == {"loss", "clean_loss", "adversarial_loss"}
    assert all(np.isfinite(value) for value in logs.values())
    assert any((a != b).any() for a, b in zip(before, trained.get_weights()))
    users = tf.range(5)
    np.testing.assert_array_equal(trained.score(users), model.score(users))
    np.testing.assert_array_equal(trained.user_vectors(), model.user_vectors())
    np.testing.assert_array_equal(trained.item_vectors(), model.item_vectors())
    assert trained.recommend([0], k=1).equals(model.recommend([0], k=1))


def test_perturbing_the_item_layer_leaves_no_item_vector_out():
    # [items, dim] is perturbed, not the rows of the batch: six balls of their own
    model, layers, made = autoencoder(interactions())
    with perturb_outputs(layers) as outputs:
        model.compute_loss(next(iter(made.dataset(0))), training=True)
    assert [tuple(output.shape) for output in outputs] == [(6, 3)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": -1.0}, "`weight` should be >= 0 and `fraction`"),
        ({"fraction": 0.0}, "`weight` should be >= 0 and `fraction`"),
        ({"fraction": 1.5}, "`weight` should be >= 0 and `fraction`"),
        ({"layers": []}, "`layers` should name a layer to perturb"),
        ({"layers": [3]}, "`layers` should hold layers.*Received: 3"),
        ({"layers": ["items"]}, "`layers` should name layers that occur once.*'items', which 0"),
        ({"layers": "items"}, "`layers` should name layers that occur once.*'items', which 0"),
        ({"layers": ""}, "`layers` should name layers that occur once.*'', which 0"),
        ({"warmup_steps": -1}, "`warmup_steps` should be >= 0. Received: -1"),
        ({"warmup_steps": "9"}, "`warmup_steps` should be >= 0. Received: '9'"),
        ({"fraction": "0.5"}, "`fraction` in .0, 1.. Received: 1.0 and '0.5'"),
        ({"weight": None}, "`weight` should be >= 0 .* Received: None and 0.2"),
        ({"seed": "x"}, "`seed` should be a whole number of 32 bits. Received: 'x'"),
        ({"seed": 2**31}, "`seed` should be a whole number of 32 bits. Received: 2147483648"),
        ({"vulnerability": "1"}, "`vulnerability` should be >= 0.*Received: '1'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        AdversarialTraining(Linear(TABLE), fgsm(0.1, relative=False), **settings)


def test_a_single_layer_is_taken_by_itself_or_by_its_name():
    model = Linear(TABLE)
    for layers in (model.table, model.table.name):
        trained = AdversarialTraining(model, fgsm(0.1, relative=False), layers=layers)
        assert trained._perturbed_layers == (model.table,)


def test_a_model_without_embeddings_is_refused_unless_layers_are_named():
    model, layers, _ = autoencoder(interactions())
    with pytest.raises(ValueError, match="`layers` should name a layer to perturb"):
        AdversarialTraining(model, fgsm(0.1, relative=False))
    AdversarialTraining(model, fgsm(0.1, relative=False), layers=layers)


# Blocks of steps. One epoch of `interactions` is 20 rows.


def block_of(data, steps=3, batch_size=7):
    """Batches whose examples do not weigh alike: [steps, batch_size]."""
    made = batches.in_blocks(batches.of_pairs(data, batch_size=batch_size, seed=4), steps)
    block = next(iter(made.dataset(0)))
    weight = tf.random.stateless_uniform([steps, batch_size], [1, 2], minval=0.5, maxval=2.0)
    return {**block, "weight": weight}


def single_batches(block):
    for step in range(len(block["seed"])):
        yield {name: column[step] for name, column in block.items()}


def defended(perturbation, optimizer=None, factory=MatrixFactorization, fraction=1.0, **settings):
    plain = factory(interactions(), dim=3, seed=1, initial_scale=0.5, **settings)
    model = AdversarialTraining(plain, perturbation, weight=0.7, fraction=fraction)
    model.compile(optimizer=optimizer or LazyAdam(0.05))
    return model


# A uniform negative can be the positive itself: then nothing but rounding has a direction.
HARDEST = {"objective": BPR(DNS(3))}
GENERATOR = {"objective": BPR(Generator(3, dim=2))}
SOFTMAX = {"objective": SampledSoftmax(ByPopularity(), candidates=4, hardness=0.5)}


@pytest.mark.parametrize(
    ("perturbation", "fraction", "settings"),
    [
        (fgsm(0.5, relative=False), 1.0, {"l2": 0.01, **HARDEST}),
        (fgsm(0.3, relative=True), 0.2, HARDEST),
        (pgd(0.3, steps=3, norm="linf", relative=False), 1.0, HARDEST),
        (pgd(0.3, steps=2, relative=False), 1.0, SOFTMAX),
        (pgd(0.5, steps=2, relative=False), 0.4, GENERATOR),
    ],
)
def test_a_block_of_attacked_steps_is_the_ordinary_ones_one_after_another(
    perturbation, fraction, settings
):
    block = block_of(interactions())
    assert_blocks_equal_steps(block, perturbation, fraction, settings, LazyAdam, 0.05)


def assert_blocks_equal_steps(block, perturbation, fraction, settings, optimizer, rate):
    stepwise = defended(perturbation, optimizer(rate), fraction=fraction, **settings)
    blockwise = defended(perturbation, optimizer(rate), fraction=fraction, **settings)
    before = blockwise.get_weights()
    for inputs in single_batches(block):
        expected = stepwise.train_step(inputs)
    found = blockwise.train_step(block)
    assert set(found) == set(expected) == {"loss", "clean_loss", "adversarial_loss"}
    for name in found:
        assert float(found[name]) == pytest.approx(float(expected[name]), rel=1e-4)
    assert float(found["adversarial_loss"]) != pytest.approx(float(found["clean_loss"]), rel=1e-3)
    for one, other, old in zip(blockwise.trainable_variables, stepwise.trainable_variables, before):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
        assert np.abs(one - old).max() > 1e-3
    for one, other in zip(slots(blockwise), slots(stepwise), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)
    assert blockwise.optimizer.iterations.numpy() == 3


def slots(model):
    rule = rule_of(model.optimizer)
    return [slot for table in model.trainable_variables for slot in rule.slots(table)]


@pytest.mark.parametrize("fraction", [1.0, 0.2])
def test_blocks_of_noise_are_the_ordinary_steps_for_the_same_noise(fraction):
    block = block_of(interactions())
    assert_blocks_equal_steps(
        block,
        fgsm(0.5, direction="random", relative=False),
        fraction,
        GENERATOR,
        keras.optimizers.SGD,
        0.3,
    )


class Recorded(MatrixFactorization):
    """Keeps the rows its loss is asked for, and those its tables hold."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seen = []

    def row_losses(self, rows, inputs):
        values = {name: layer.embeddings for name, layer in self.embedding_tables().items()}
        found = self.lookups(inputs)
        held = {name: tf.gather(values[table], index) for name, (table, index) in found.items()}
        self.seen.append({name: (np.array(rows[name]), np.array(held[name])) for name in rows})
        return super().row_losses(rows, inputs)


@pytest.mark.parametrize("direction", ["gradient", "random"])
@pytest.mark.parametrize("blocks", [False, True])
def test_the_adversary_moves_the_models_rows_within_its_budget_and_the_generators_never(
    blocks, direction
):
    perturbation = pgd(0.3, steps=2, direction=direction, relative=False)
    model = defended(perturbation, keras.optimizers.SGD(0.0), Recorded, fraction=0.5, **GENERATOR)
    block = block_of(interactions(), steps=1)
    tf.config.run_functions_eagerly(True)
    try:
        model.train_step(block if blocks else next(single_batches(block)))
    finally:
        tf.config.run_functions_eagerly(False)
    # the clean loss, two steps, the worst case; noise needs no step, only the values
    assert len(model.model.seen) == {"random": 3, "gradient": 4}[direction]
    largest = 0.0
    for rows in model.model.seen:
        for name, (found, held) in rows.items():
            if name.startswith("generator"):
                np.testing.assert_array_equal(found, held)
                continue
            sizes = np.linalg.norm(found - held, axis=-1)
            assert (sizes <= 0.3 * (1 + 1e-5)).all()
            largest = max(largest, sizes.max())
    assert largest == pytest.approx(0.3, rel=1e-3)
    assert {"user", "positive", "negative", "generator_user", "generator_item"} == set(rows)


def test_scores_after_a_block_are_those_of_the_tables_alone():
    model = defended(fgsm(5.0, relative=False))
    block = block_of(interactions())
    model.train_step(block)
    users, items = model.model.user_embedding.embeddings, model.model.item_embedding.embeddings
    np.testing.assert_array_equal(
        model.score(tf.range(5)), tf.matmul(users, items, transpose_b=True)
    )
    inputs = next(single_batches(block))
    clean = model.model.compute_loss(inputs)
    assert float(model.compute_loss(inputs, training=False)) == float(clean)


def test_without_budget_or_weight_a_block_is_a_plain_one():
    data = interactions()
    plain, *models = (MatrixFactorization(data, dim=3, seed=1) for _ in range(3))
    settings = (
        {"perturbation": fgsm(0.0, relative=False)},
        {"perturbation": fgsm(0.5, relative=False), "weight": 0.0},
    )
    defences = [AdversarialTraining(m, **s) for m, s in zip(models, settings, strict=True)]
    block, losses = block_of(data), []
    for trained in (plain, *defences):
        trained.compile(optimizer=LazyAdam(0.05))
        losses.append(float(trained.train_step(block)["loss"]))
        for one, other in zip(trained.trainable_variables, plain.trainable_variables, strict=True):
            np.testing.assert_array_equal(one, other)
    assert losses[0] == losses[1] == losses[2]


def test_chosen_layers_are_refused_for_blocks_alone():
    plain = MatrixFactorization(interactions(), dim=3)
    model = AdversarialTraining(plain, fgsm(0.1, relative=False), layers=[plain.user_embedding])
    model.compile(optimizer=LazyAdam(0.05))
    block = block_of(interactions())
    with pytest.raises(ValueError, match="`layers` should be left out where blocks of steps"):
        model.train_step(block)
    model.train_step(next(single_batches(block)))


def test_an_optimizer_that_sweeps_the_tables_is_refused_for_blocks():
    with pytest.raises(ValueError, match="Blocks of steps are trained by"):
        defended(fgsm(0.1, relative=False), keras.optimizers.Adam(0.1)).train_step(
            block_of(interactions())
        )
