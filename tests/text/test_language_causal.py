"""A causal language model (GPT-2) as a text tower: byte pairs, the last token speaks."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.towers import build_index_tower
from advrec_tf.text.language_layer import LanguageModelLayer
from advrec_tf.text.language_model import LanguageItemTower, LanguageModelTower
from advrec_tf.text.tokenizer import LanguageTokenizer
from advrec_tf.training.perturb_outputs import perturb_outputs

keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

# Byte pairs: "heat" and " heat" (Ġ is the space) are tokens, everything else falls to letters.
LETTERS = ["h", "e", "a", "t", "m", "Ġ"]
MERGES = ["h e", "a t", "he at", "Ġ heat"]
TOKENS = [*LETTERS, "he", "at", "heat", "Ġheat", "<|endoftext|>"]
VOCABULARY = {token: i for i, token in enumerate(TOKENS)}
END = VOCABULARY["<|endoftext|>"]
TEXTS = tf.constant(["heat heat", "mat", ""])


@pytest.fixture(scope="module")
def build():
    def tower(strategy="frozen", pooling="last"):
        backbone = keras_hub.models.GPT2Backbone(
            vocabulary_size=len(TOKENS),
            num_layers=2,
            num_heads=2,
            hidden_dim=8,
            intermediate_dim=16,
            max_sequence_length=10,
        )
        rng = np.random.default_rng(0)
        for weight in backbone.weights:
            weight.assign(rng.normal(scale=0.4, size=weight.shape))
        tokenizer = keras_hub.models.GPT2Tokenizer(vocabulary=VOCABULARY, merges=MERGES)
        return LanguageModelTower(
            LanguageModelLayer(backbone, strategy=strategy),
            LanguageTokenizer(tokenizer, max_length=8),
            pooling=pooling,
            normalize=False,
        )

    return tower


def test_texts_become_byte_pairs_between_end_tokens(build):
    tokens = build().tokenizer(TEXTS)
    heat, space_heat = VOCABULARY["heat"], VOCABULARY["Ġheat"]
    m, at = VOCABULARY["m"], VOCABULARY["at"]
    assert tokens["padding_mask"].numpy().sum(1).tolist() == [4, 4, 2]
    assert tokens["token_ids"].numpy()[:2].tolist() == [
        [END, heat, space_heat, END],
        [END, m, at, END],
    ]


def test_the_vector_is_that_of_the_last_token_and_padding_changes_nothing(build):
    tower = build()
    tokens = tower.tokenizer(TEXTS)
    hidden = np.asarray(tower.language_model.backbone(tokens))
    vectors = tower(TEXTS).numpy()
    np.testing.assert_allclose(vectors, hidden[[0, 1, 2], [3, 3, 1]], atol=1e-5)
    np.testing.assert_allclose(vectors[2:], tower(TEXTS[2:]), atol=1e-5)


@pytest.mark.slow
def test_only_the_last_token_has_read_the_whole_text(build):
    # "heat heat" and "heat mat" begin alike
    texts = tf.constant(["heat heat", "heatmat"])
    first, last = build(pooling="first")(texts).numpy(), build()(texts).numpy()
    np.testing.assert_allclose(first[0], first[1], atol=1e-6)
    assert np.abs(last[0] - last[1]).max() > 1e-2


@pytest.mark.parametrize(
    ("strategy", "part"),
    [("top:1", "transformer_layer_1/"), ("lora:2", "lora_kernel"), ("all", "")],
)
@pytest.mark.slow
def test_each_strategy_has_gradients_of_its_weights_with_the_token_vectors_shifted(
    build, strategy, part
):
    tower = build(strategy)
    layer = tower.language_model
    with tf.GradientTape() as tape:
        with perturb_outputs([layer.token_vectors], tape=tape) as outputs:
            loss = tf.reduce_sum(tower(TEXTS, training=True)[:, 0])
    by_tokens, by_weights = tape.gradient(loss, (list(outputs), layer.trainable_weights))
    assert outputs[0].shape == (3, 4 * 8)
    # the text of two tokens has none at its padding, and some on its own
    assert not by_tokens[0].numpy()[2, 16:].any() and by_tokens[0].numpy()[2, :16].any()
    assert all(gradient is not None for gradient in by_weights)
    paths = [
        p for p, w in layer.named_weights().items() if any(w is t for t in layer.trainable_weights)
    ]
    assert paths and all(part in path for path in paths)


@pytest.mark.slow
def test_a_causal_model_trains_as_an_item_tower_and_moves_what_its_strategy_names(build):
    # users of even number want the items that are hot, the others mats
    texts = ["heat", "mat", "heat heat", "matat"]
    pairs = [(user, item) for user in range(8) for item in range(4) if user % 2 == item % 2]
    users, items = np.array(pairs, np.int32).T
    data = Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(8)),
        items=Vocabulary(np.arange(4)),
    )
    tower = build("top:1")
    before = {path: weight.numpy() for path, weight in tower.language_model.named_weights().items()}
    user_tower = build_index_tower(8, embedding_dim=tower.dim, seed=0, name="users")
    # one user's positives are hidden from each other, so the other kind alone is a negative
    model = TwoTower(user_tower, LanguageItemTower(tower, texts), data, temperature=1.0)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    rows = batches.of_pairs(data, batch_size=16, seed=0)
    losses = model.fit(rows.dataset(0), steps_per_epoch=1, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    moved = {
        path
        for path, weight in tower.language_model.named_weights().items()
        if not np.array_equal(weight.numpy(), before[path])
    }
    assert moved and all(path.startswith("transformer_layer_1/") for path in moved)
    scores = model.score(tf.range(8)).numpy()
    right = scores[::2, 0::2].min(1) > scores[::2, 1::2].max(1)
    assert right.all()
