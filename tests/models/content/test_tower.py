import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.content.modalities import Modality, VectorRows
from advrec_tf.models.content.tower import build_content_tower, build_fusion


def fed(**parts):
    """{name: (vectors, present)} as the inputs of a fusion."""
    given = {}
    for name, (vectors, present) in parts.items():
        given[name] = tf.constant(vectors, tf.float32)
        given[f"{name} present"] = tf.constant(present, tf.float32)[:, None]
    return given


def with_identity(fusion, *names):
    """Every projection becomes the identity without a bias."""
    for name in names:
        kernel, bias = fusion.get_layer(f"{name}_projection").weights
        kernel.assign(np.eye(*kernel.shape))
        bias.assign(np.zeros(bias.shape))
    return fusion


def test_a_sum_adds_what_is_present_and_nothing_else():
    fusion = with_identity(build_fusion({"a": 2, "b": 2}, dim=2, normalize=False), "a", "b")
    inputs = fed(a=([[1, 2], [1, 2], [1, 2]], [1, 1, 0]), b=([[10, 20]] * 3, [1, 0, 0]))
    # (1, 2) + (10, 20); (1, 2) alone; nothing
    assert fusion(inputs).numpy().tolist() == [[11, 22], [1, 2], [0, 0]]


def test_a_gate_averages_the_present_modalities_by_its_softmax():
    fusion = with_identity(
        build_fusion({"a": 1, "b": 1}, dim=1, fusion="gated", normalize=False), "a", "b"
    )
    for name, bias in (("a", np.log(3.0)), ("b", 0.0)):
        kernel, offset = fusion.get_layer(f"{name}_gate").weights
        kernel.assign(np.zeros(kernel.shape))
        offset.assign([bias])
    inputs = fed(a=([[4.0], [4.0]], [1, 0]), b=([[8.0], [8.0]], [1, 1]))
    # weights 3 : 1 -> 3/4 * 4 + 1/4 * 8 = 5; with `a` missing all weight is on `b`
    assert fusion(inputs).numpy()[:, 0] == pytest.approx([5.0, 8.0], rel=1e-5)


@pytest.mark.parametrize("how", ["sum", "gated", "concat"])
def test_a_row_of_which_nothing_is_known_becomes_the_zero_vector(how):
    fusion = build_fusion({"a": 3, "b": 2}, dim=4, fusion=how, seed=1)
    inputs = fed(a=(np.ones([2, 3]), [1, 0]), b=(np.ones([2, 2]), [0, 0]))
    known, unknown = fusion(inputs).numpy()
    assert np.linalg.norm(known) == pytest.approx(1.0, rel=1e-5)
    assert unknown.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("how", ["sum", "gated", "concat"])
def test_what_a_missing_modality_holds_changes_nothing(how):
    fusion = build_fusion({"a": 3, "b": 2}, dim=4, fusion=how, seed=1)
    outputs = [
        fusion(fed(a=(np.ones([1, 3]), [1]), b=(np.full([1, 2], filling), [0]))).numpy()
        for filling in (0.0, 7.0)
    ]
    np.testing.assert_allclose(*outputs, rtol=1e-6)


@pytest.fixture(scope="module")
def text():
    return Modality(name="text", vectors=np.eye(4, 6, dtype=np.float32))


def test_an_id_without_training_rows_adds_nothing(text):
    trained = np.array([True, True, False, False])
    tower = build_content_tower(4, [text], dim=3, ids=trained, seed=0, name="item_tower")
    alone = build_content_tower(4, [text], dim=3, seed=0, name="item_tower")
    # the same weights for the text
    for name in ("kernel", "bias"):
        getattr(alone.fusion.get_layer("text_projection"), name).assign(
            getattr(tower.fusion.get_layer("text_projection"), name)
        )
    index = tf.range(4)
    same = np.isclose(tower(index), alone(index), atol=1e-6).all(axis=1)
    assert same.tolist() == [False, False, True, True]


def test_dropout_hides_a_modality_only_in_training_and_by_the_seed(text):
    tower = build_content_tower(
        4, [text], dim=3, ids=np.ones(4, bool), dropout={"id": 0.5}, seed=0, name="item_tower"
    )
    index = tf.tile(tf.range(4), [50])
    plain = tower(index).numpy()
    seed = tf.constant([3, 4])
    np.testing.assert_array_equal(tower(index, training=True), plain)  # no seed, nothing hidden
    np.testing.assert_array_equal(tower(index, training=False, seed=seed), plain)
    first = tower(index, training=True, seed=seed).numpy()
    np.testing.assert_array_equal(tower(index, training=True, seed=seed), first)
    hidden = ~np.isclose(first, plain).all(axis=1)
    assert 60 < hidden.sum() < 140  # 200 draws at one half


def test_something_without_an_index_is_embedded_as_an_item_that_has_only_that(text):
    tower = build_content_tower(4, [text], dim=3, ids=np.zeros(4, bool), seed=0, name="item_tower")
    np.testing.assert_allclose(tower.embed({"text": text.vectors}), tower(tf.range(4)), rtol=1e-6)


def test_a_computed_source_stands_in_for_the_table_of_its_modality(text):
    doubled = VectorRows(2.0 * text.vectors)
    doubled.dim = 6
    tower = build_content_tower(
        4, [text], dim=3, sources={"text": doubled}, seed=0, name="item_tower"
    )
    table = build_content_tower(
        4,
        [Modality(name="text", vectors=2.0 * text.vectors)],
        dim=3,
        seed=0,
        name="item_tower",
    )
    np.testing.assert_allclose(tower(tf.range(4)), table(tf.range(4)), rtol=1e-6)


def refusals():
    vectors = np.zeros([4, 2], np.float32)
    one = Modality(name="text", vectors=vectors)
    yield "widths", lambda: build_fusion({}, dim=2)
    yield "dim", lambda: build_fusion({"a": 2}, dim=0)
    yield "fusion", lambda: build_fusion({"a": 2}, dim=2, fusion="product")
    yield "of an id", lambda: build_fusion({"id": 3}, dim=2)
    yield "modalities", lambda: build_content_tower(3, [one], dim=2, name="t")
    yield "modalities", lambda: build_content_tower(4, [one, one], dim=2, name="t")
    yield (
        "sources",
        lambda: build_content_tower(
            4, [one], dim=2, sources={"sound": VectorRows(vectors)}, name="t"
        ),
    )
    yield "dropout", lambda: build_content_tower(4, [one], dim=2, dropout={"text": 1.0}, name="t")
    yield "dropout", lambda: build_content_tower(4, [one], dim=2, dropout={"id": 0.1}, name="t")
    tower = build_content_tower(4, [one], dim=2, name="t")
    yield "given", lambda: tower.embed({})
    yield "given", lambda: tower.embed({"sound": vectors})
    yield "given", lambda: tower.embed({"text": np.zeros([1, 3], np.float32)})


@pytest.mark.parametrize("place", range(12))
def test_bad_arguments_are_named(place):
    word, call = list(refusals())[place]
    with pytest.raises(ValueError, match=f"(?s){word}.*Received"):
        call()
