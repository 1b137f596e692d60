import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.text.language_layer import LanguageModelLayer, parse_strategy
from advrec_tf.training.perturb_outputs import perturb_outputs

pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

TOKENS = {
    "token_ids": tf.constant([[2, 5, 6, 7, 3], [2, 9, 3, 0, 0]]),
    "padding_mask": tf.constant([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
}


def named(strategy, path):
    """Whether the strategy is to train the weight, read from its path alone."""
    return {
        "frozen": False,
        "top:1": path.startswith("transformer_layer_1/"),
        "top:2": path.startswith("transformer_layer_"),
        "lora:2": path.endswith(("/lora_kernel_a", "/lora_kernel_b")),
        "all": True,
    }[strategy]


@pytest.mark.parametrize("strategy", ["frozen", "top:1", "top:2", "lora:2", "all"])
def test_exactly_the_weights_that_the_strategy_names_move(tiny_backbone, strategy):
    layer = LanguageModelLayer(tiny_backbone(), strategy=strategy)
    model = keras.Sequential([layer, keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    before = {path: weight.numpy() for path, weight in layer.named_weights().items()}
    # Twice: a factor of LoRA has no gradient while the other is zero.
    model.fit(tf.data.Dataset.from_tensors((TOKENS, tf.constant([[3.0], [-3.0]]))).repeat(2))
    after = layer.named_weights()
    moved = {path for path in before if not np.array_equal(before[path], after[path].numpy())}
    expected = {path for path in before if named(strategy, path)}
    assert moved <= expected
    # A bias of the keys shifts all logits of a softmax alike: its gradient is zero but for
    # rounding.
    assert {path for path in expected - moved if not path.endswith("/key/bias")} == set()
    assert len(layer.trainable_weights) == len(expected)


@pytest.mark.parametrize(
    ("strategy", "parameters"),
    [
        ("frozen", 0),
        # query, key, value, output: 4 (16 x 16 + 16) = 1088; two norms: 2 x 32 = 64; the
        # feed-forward layers: 16 x 32 + 32 + 32 x 16 + 16 = 1072
        ("top:1", 2224),
        # a kernel is [16, 2 heads, 8]: factors [16, 2, 3] and [3, 8], 96 + 24 = 120, for the
        # query and the value of two blocks
        ("lora:3", 480),
        # tables of 12 tokens, 12 positions, 2 segments: 26 x 16 = 416; a norm of 32; blocks
        ("all", 416 + 32 + 2 * 2224),
    ],
)
def test_trainable_parameters_are_those_counted_by_hand(tiny_backbone, strategy, parameters):
    layer = LanguageModelLayer(tiny_backbone(), strategy=strategy)
    assert layer.trainable_parameters == parameters


def test_the_output_is_the_sequence_output_of_the_backbone(tiny_backbone):
    backbone = tiny_backbone()
    inputs = {**TOKENS, "segment_ids": tf.zeros([2, 5], tf.int32)}
    expected = np.asarray(backbone(inputs)["sequence_output"])
    np.testing.assert_array_equal(LanguageModelLayer(backbone)(TOKENS), expected)


def test_lora_starts_as_the_model_without_it(tiny_backbone):
    plain = LanguageModelLayer(tiny_backbone())(TOKENS)
    np.testing.assert_allclose(
        LanguageModelLayer(tiny_backbone(), strategy="lora:4")(TOKENS), plain, atol=1e-5
    )


def test_a_layer_frozen_by_its_owner_trains_nothing(tiny_backbone):
    layer = LanguageModelLayer(tiny_backbone(), strategy="all")
    count = len(layer.weights)
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == count


@pytest.mark.parametrize(("strategy", "same"), [("all", False), ("frozen", True)])
def test_dropout_acts_only_where_asked_for_and_something_trains(tiny_backbone, strategy, same):
    layer = LanguageModelLayer(tiny_backbone(), strategy=strategy, dropout=True)
    calm = layer(TOKENS)
    assert np.array_equal(layer(TOKENS, training=True), calm) is same
    assert np.array_equal(layer(TOKENS, training=False), calm)
    quiet = LanguageModelLayer(tiny_backbone(), strategy=strategy)
    np.testing.assert_array_equal(quiet(TOKENS, training=True), calm)


@pytest.mark.slow
def test_it_trains_within_a_functional_model_compiled_by_xla(tiny_backbone):
    layer = LanguageModelLayer(tiny_backbone(), strategy="top:1")
    inputs = {key: keras.Input(shape=(5,), dtype="int32", name=key) for key in TOKENS}
    model = keras.Model(inputs, keras.layers.Dense(1)(layer(inputs)[:, 0]))
    assert {id(w) for w in layer.trainable_weights} <= {id(w) for w in model.trainable_weights}
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=True)
    data = tf.data.Dataset.from_tensors((TOKENS, tf.constant([[1.0], [2.0]])))
    first, last = model.fit(data.repeat(5), epochs=2, verbose=0).history["loss"]
    assert last < first


@pytest.mark.parametrize(
    ("strategy", "kind"),
    [("frozen", ("frozen", 0)), ("top:12", ("top", 12)), ("lora:4", ("lora", 4))],
)
def test_a_strategy_is_read(strategy, kind):
    assert parse_strategy(strategy) == kind


@pytest.mark.parametrize("strategy", ["", "some", "top", "top:0", "lora:-1", "all:1", None])
def test_an_unknown_strategy_is_refused_with_those_there_are(strategy):
    with pytest.raises(ValueError, match=r"`strategy` should be 'frozen', 'top:N'.*Received"):
        parse_strategy(strategy)


def test_more_blocks_than_there_are_is_refused(tiny_backbone):
    with pytest.raises(ValueError, match="`strategy` should name at most the 2 .*'top:3'"):
        LanguageModelLayer(tiny_backbone(), strategy="top:3")


def test_a_backbone_taken_by_lora_before_is_refused(tiny_backbone):
    backbone = tiny_backbone()
    LanguageModelLayer(backbone, strategy="lora:1")
    with pytest.raises(ValueError, match="`backbone` should be a fresh one"):
        LanguageModelLayer(backbone, strategy="all")


def test_a_model_without_tokens_is_refused():
    import keras as keras_3

    image = keras_3.Input([4], name="pixels")
    with pytest.raises(ValueError, match="`backbone` should be a text encoder.*pixels"):
        LanguageModelLayer(keras_3.Model(image, image * 2))


# Between the token embedding and the blocks.


SIZES = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
FAMILIES = {
    "BertBackbone": {"vocabulary_size": 12, **SIZES},
    "GPT2Backbone": {"vocabulary_size": 12, **SIZES},
    "RobertaBackbone": {"vocabulary_size": 12, **SIZES},
    "DistilBertBackbone": {"vocabulary_size": 12, **SIZES},
    "AlbertBackbone": {"vocabulary_size": 12, "embedding_dim": 4, **SIZES},
    "ElectraBackbone": {"vocab_size": 12, "embedding_dim": 4, **SIZES},
    "DebertaV3Backbone": {"vocabulary_size": 12, "bucket_size": 4, **SIZES},
    "OPTBackbone": {"vocabulary_size": 12, **SIZES},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_place_to_tap_changes_no_number_of_any_family_of_models(family):
    import keras_hub

    backbone = getattr(keras_hub.models, family)(**FAMILIES[family], max_sequence_length=8)
    rng = np.random.default_rng(0)
    for weight in backbone.weights:
        weight.assign(rng.normal(scale=0.3, size=weight.shape))
    fed = {**TOKENS, "segment_ids": tf.zeros_like(TOKENS["token_ids"])}
    expected = backbone({tensor.name: fed[tensor.name] for tensor in backbone.inputs})
    expected = expected["sequence_output"] if isinstance(expected, dict) else expected
    layer = LanguageModelLayer(backbone)
    with perturb_outputs([layer.token_vectors]) as outputs:
        found = layer(TOKENS)
    np.testing.assert_array_equal(found, expected)
    (vectors,) = outputs
    assert vectors.shape[0] == 2 and not vectors.numpy()[1, vectors.shape[1] * 3 // 5 :].any()
    shift = np.zeros(vectors.shape, np.float32)
    shift[1, 0] = 1.0
    with perturb_outputs([layer.token_vectors], deltas=[tf.constant(shift)]):
        moved = np.abs(layer(TOKENS) - found).max(axis=(1, 2))
    assert moved[0] == 0 and moved[1] > 1e-3
