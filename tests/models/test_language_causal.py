"""A causal language model (GPT-2) as a text tower: byte pairs, the last token speaks."""

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.language_layer import LanguageModelLayer
from advrec_tf.models.language_model import LanguageModelTower
from advrec_tf.models.language_tokenizer import LanguageTokenizer
from advrec_tf.models.tapping import tapped

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
def test_each_strategy_has_gradients_of_its_weights_with_the_token_vectors_shifted(
    build, strategy, part
):
    tower = build(strategy)
    layer = tower.language_model
    with tf.GradientTape() as tape:
        with tapped([layer.token_vectors], tape=tape) as outputs:
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
