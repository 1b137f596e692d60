"""Adversarial fine-tuning: perturbations of what the token embedding of a text tower puts out."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.towers import build_index_tower
from advrec_tf.perturbations import fgsm, pgd, worst_case
from advrec_tf.text.item_batches import of_items
from advrec_tf.text.language_layer import LanguageModelLayer
from advrec_tf.text.language_model import LanguageItemTower, LanguageModelTower
from advrec_tf.text.tokenizer import LanguageTokenizer
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.free_adversarial import FreeLB
from advrec_tf.training.perturb_outputs import perturb_outputs
from advrec_tf.training.virtual_adversarial import VirtualAdversarialTraining

keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "matrix", "heat", "alien"]
TEXTS = ["the matrix", "heat", "", "alien the heat"]
WIDTH = 8
SEED = tf.constant([1, 2])


def text_tower(strategy="all", *, layers=2):
    backbone = keras_hub.models.BertBackbone(9, layers, 2, WIDTH, 16, max_sequence_length=8)
    rng = np.random.default_rng(0)
    for weight in backbone.weights:
        weight.assign(rng.normal(scale=0.4, size=weight.shape))
    tokenizer = LanguageTokenizer(
        keras_hub.models.BertTokenizer(VOCABULARY, lowercase=True), max_length=8
    )
    return LanguageModelTower(LanguageModelLayer(backbone, strategy=strategy), tokenizer, dim=4)


def two_tower(strategy="all"):
    users = np.array([0, 0, 1, 1, 2, 2, 3], np.int32)
    items = np.array([0, 1, 1, 2, 3, 0, 2], np.int32)
    names = Vocabulary(np.arange(4))
    data = Interactions(user_index=users, item_index=items, users=names, items=names)
    user_tower = build_index_tower(4, embedding_dim=4, initial_scale=0.5, name="user_tower")
    return TwoTower(user_tower, LanguageItemTower(text_tower(strategy), TEXTS), data)


def batch_of(model):
    made = of_items(model.interactions, items_per_batch=4, rows_per_item=2, seed=0)
    return next(iter(made.dataset(0)))


def layers_of(model):
    return [model.item_tower.tower.language_model.token_vectors]


@pytest.fixture(scope="module")
def model():
    return two_tower()


def test_the_layer_puts_out_one_row_a_text_zero_at_padding(model):
    tower = model.item_tower.tower
    tokens = tower.tokenizer(tf.constant(TEXTS))
    lengths = tokens["padding_mask"].numpy().sum(1)
    assert lengths.tolist() == [4, 3, 2, 5]
    with perturb_outputs([tower.language_model.token_vectors]) as outputs:
        tower(tokens)
    (vectors,), (parts,) = outputs, outputs.masks
    table = tower.language_model.named_weights()["token_embedding/embeddings"].numpy()
    expected = table[tokens["token_ids"].numpy()]
    real = np.arange(5) < lengths[:, None]
    expected[~real] = 0
    np.testing.assert_array_equal(vectors, expected.reshape(4, 5 * WIDTH))
    np.testing.assert_array_equal(parts, np.repeat(real, WIDTH, axis=1))


def delta_of(model, perturbation, inputs):
    """The adversary's perturbation, the gradient it starts from, token vectors and parts."""
    with tf.GradientTape() as tape:
        with perturb_outputs(layers_of(model), tape=tape) as outputs:
            loss = model.compute_loss(inputs, training=True)
    gradient = tape.gradient(loss, list(outputs))

    def gradients_at(deltas):
        with tf.GradientTape() as tape:
            with perturb_outputs(layers_of(model), tape=tape, deltas=deltas) as shifted:
                loss = model.compute_loss(inputs, training=True)
        return tape.gradient(loss, list(shifted))

    (delta,) = worst_case(gradients_at, list(outputs), perturbation, SEED, masks=outputs.masks)
    return delta.numpy(), gradient[0].numpy(), outputs[0].numpy(), outputs.masks[0].numpy() > 0


def test_the_perturbation_of_one_step_is_the_gradient_over_its_norm_text_by_text(model):
    delta, gradient, vectors, real = delta_of(model, fgsm(0.3, relative=True), batch_of(model))
    assert np.abs(gradient[real]).min() >= 0 and not gradient[~real].any()
    for row in range(4):
        # |delta| = .3 |x|, both over the real tokens of this text alone
        size = 0.3 * np.linalg.norm(vectors[row][real[row]])
        direction = gradient[row][real[row]] / np.linalg.norm(gradient[row][real[row]])
        np.testing.assert_allclose(delta[row][real[row]], size * direction, rtol=1e-4, atol=1e-7)
    assert not delta[~real].any()


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("random_start", [False, True])
def test_no_text_leaves_its_ball_and_padding_does_not_move(model, norm, random_start):
    attack = pgd(0.2, steps=4, relative=True, norm=norm, random_start=random_start)
    delta, _, vectors, real = delta_of(model, attack, batch_of(model))
    order = 2 if norm == "l2" else np.inf
    sizes, limits = (np.linalg.norm(x, order, axis=1) for x in (delta, vectors))
    assert (sizes <= 0.2 * limits * (1 + 1e-5)).all() and (sizes > 0.1 * limits).all()
    assert not delta[~real].any()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_noise_has_its_whole_size_on_real_tokens(model, norm):
    attack = fgsm(0.2, relative=True, norm=norm, direction="random")
    delta, _, vectors, real = delta_of(model, attack, batch_of(model))
    order = 2 if norm == "l2" else np.inf
    sizes = np.linalg.norm(delta, order, axis=1)
    np.testing.assert_allclose(sizes, 0.2 * np.linalg.norm(vectors, order, axis=1), rtol=1e-5)
    assert not delta[~real].any() and delta[real].all()


def test_a_shift_reaches_the_vectors_of_the_texts_and_padding_cannot_carry_it(model):
    tower = model.item_tower.tower
    tokens = tower.tokenizer(tf.constant(TEXTS))
    clean = tower(tokens).numpy()
    real = np.repeat(tokens["padding_mask"].numpy(), WIDTH, axis=1).astype(np.float32)
    with perturb_outputs([tower.language_model.token_vectors], deltas=[tf.constant(1 - real)]):
        np.testing.assert_array_equal(tower(tokens), clean)
    shift = np.zeros_like(real)
    shift[1, 0] = 1.0  # the first number of the first token of the second text
    with perturb_outputs([tower.language_model.token_vectors], deltas=[tf.constant(shift)]):
        moved = np.abs(tower(tokens) - clean).max(axis=1)
    assert moved[1] > 1e-3 and not moved[[0, 2, 3]].any()


WRAPPERS = {
    "fgm": lambda model: AdversarialTraining(
        model, fgsm(0.3, relative=True), layers=layers_of(model), fraction=1.0
    ),
    "pgd": lambda model: AdversarialTraining(
        model, pgd(0.3, steps=3, relative=True), layers=layers_of(model), fraction=1.0
    ),
    "freelb": lambda model: FreeLB(
        model, pgd(0.3, steps=3, relative=True, random_start=True), layers=layers_of(model)
    ),
}


@pytest.mark.parametrize(
    "strategy",
    [
        "frozen",
        pytest.param("top:1", marks=pytest.mark.slow),
        pytest.param("lora:2", marks=pytest.mark.slow),
        "all",
    ],
)
@pytest.mark.parametrize("kind", list(WRAPPERS))
def test_each_adversary_trains_each_strategy_and_moves_only_its_weights(strategy, kind):
    model = two_tower(strategy)
    layer = model.item_tower.tower.language_model
    trained = WRAPPERS[kind](model)
    # A graph of each would take minutes to trace; one is below.
    trained.compile(optimizer=keras.optimizers.SGD(0.5), run_eagerly=True)
    inputs = batch_of(model)
    clean = float(model.compute_loss(inputs))
    assert float(trained.compute_loss(inputs, training=False)) == clean
    before = {path: weight.numpy() for path, weight in layer.named_weights().items()}
    projection = model.item_tower.tower.projection.kernel.numpy()
    logs = trained.fit(tf.data.Dataset.from_tensors(inputs).repeat(2), verbose=0).history
    assert all(np.isfinite(values[0]) for values in logs.values())
    if kind != "freelb":
        assert logs["adversarial_loss"][0] > logs["clean_loss"][0]
    after = layer.named_weights()
    moved = {path for path in before if not np.array_equal(before[path], after[path].numpy())}
    names = {"frozen": (), "top:1": ("transformer_layer_1/",), "all": ("",)}
    if strategy == "lora:2":
        assert moved and all("/lora_kernel_" in path for path in moved)
    else:
        assert all(path.startswith(names[strategy]) for path in moved)
        assert bool(moved) == (strategy != "frozen")
    assert np.abs(model.item_tower.tower.projection.kernel.numpy() - projection).max() > 0


def test_the_virtual_term_of_a_text_tower_trains_on_items_without_rows(model):
    tower = model.item_tower
    trained = VirtualAdversarialTraining(
        model,
        fgsm(0.3, relative=True),
        tower=tower,
        layers=layers_of(model),
        items=[2, 3],
        batch_size=3,
    )
    with tf.GradientTape() as tape:
        term = trained.virtual_loss(tf.constant([2, 3, 3]), SEED)
    gradients = tape.gradient(term, tower.trainable_variables)
    assert 0 < float(term) < 2
    moved = [np.abs(tf.convert_to_tensor(g)).max() > 0 for g in gradients if g is not None]
    assert sum(moved) > 10
    random = VirtualAdversarialTraining(
        model,
        fgsm(0.3, relative=True, direction="random"),
        tower=tower,
        layers=layers_of(model),
        items=[2, 3],
    )
    assert float(random.virtual_loss(tf.constant([2, 3, 3]), SEED)) < float(term)


@pytest.mark.slow
def test_a_graph_of_freelb_does_what_eager_steps_do():
    tables = []
    for eager in (True, False):
        model = two_tower("top:1")
        trained = WRAPPERS["freelb"](model)
        trained.compile(optimizer=keras.optimizers.SGD(0.5), run_eagerly=eager)
        trained.fit(tf.data.Dataset.from_tensors(batch_of(model)), verbose=0)
        tables.append([weight.numpy() for weight in trained.trainable_variables])
    for one, other in zip(*tables, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
