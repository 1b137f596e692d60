import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.text import cache
from advrec_tf.text.cache import encode_texts, fingerprint
from advrec_tf.text.language_model import LanguageModelTower

pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

TEXTS = ["the matrix", "", "the godfather the matrix", "space", "the matrix"]


@pytest.fixture
def tower(hub_folder):
    def build(**settings):
        return LanguageModelTower.from_preset(hub_folder, **{"max_length": 5, **settings})

    return build


@pytest.fixture
def computed(monkeypatch):
    """Batches that were tokenized: nothing where all came from disk."""
    sizes = []
    counted = cache.LanguageModelTower.call

    def call(self, inputs, training=None):
        sizes.append(inputs)
        return counted(self, inputs, training=training)

    monkeypatch.setattr(cache.LanguageModelTower, "call", call)
    return sizes


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_the_vectors_are_the_towers_in_the_order_of_the_texts(tower, batch_size):
    model = tower()
    vectors = encode_texts(model, TEXTS, batch_size=batch_size, progress=False)
    assert vectors.dtype == np.float32 and vectors.shape == (5, 16)
    np.testing.assert_allclose(vectors, model(tf.constant(TEXTS)), atol=1e-5)


def test_a_second_time_they_come_from_disk(tower, tmp_path, computed):
    first = encode_texts(tower(), TEXTS, cache=tmp_path / "new", progress=False)
    assert computed
    (file,) = (tmp_path / "new").iterdir()
    computed.clear()
    again = encode_texts(tower(), TEXTS, cache=tmp_path / "new", progress=False)
    assert not computed and file.suffix == ".npy"
    np.testing.assert_array_equal(again, first)


def test_other_texts_or_another_order_are_computed_anew(tower, tmp_path):
    model = tower()
    for texts in (["a", "b"], ["b", "a"], ["ab"], ["a", "b", ""], [""], []):
        assert len(encode_texts(model, texts, cache=tmp_path, progress=False)) == len(texts)
    assert len(list(tmp_path.iterdir())) == 6


def test_the_fingerprint_is_that_of_everything_a_vector_depends_on(tower):
    changed = [
        tower(max_length=6),
        tower(pooling="first"),
        tower(normalize=False),
        tower(dim=2),
        tower(dim=2, seed=1),
        tower(mixed_precision=True),
    ]
    moved = tower()
    moved.language_model.named_weights()[
        "transformer_layer_1/self_attention_layer/query/bias"
    ].assign(tf.ones([2, 8]))
    lower = tower()
    lower.tokenizer.tokenizer.lowercase = False
    prints = [fingerprint(model) for model in (tower(), *changed, moved, lower)]
    assert len(set(prints)) == len(prints)
    # how it trains is no part of it, nor how many models the process has made
    assert fingerprint(tower(strategy="top:1")) == fingerprint(tower()) == prints[0]


def test_a_damaged_file_is_computed_anew(tower, tmp_path):
    model = tower()
    first = encode_texts(model, TEXTS, cache=tmp_path, progress=False)
    (file,) = tmp_path.iterdir()
    other = tmp_path / "other.npy"
    np.save(other, np.zeros([5, 15], np.float32))  # whole, but of another width
    for damage in (b"", b"no array", file.read_bytes()[:-5], other.read_bytes()):
        file.write_bytes(damage)
        again = encode_texts(model, TEXTS, cache=tmp_path, progress=False)
        np.testing.assert_array_equal(again, first)


def test_an_interrupted_write_leaves_nothing(tower, tmp_path, monkeypatch):
    def interrupted(file, vectors):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(cache.np, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        encode_texts(tower(), TEXTS, cache=tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_different_texts_and_those_cut(tower, capsys):
    encode_texts(tower(), TEXTS, batch_size=3)
    # four different texts; "the godfather the matrix" has 5 tokens and room for 3
    last = capsys.readouterr().err.splitlines()[-1].split("\r")[-1]
    assert last.startswith("texts 4/4, ") and last.endswith("/s, 1 cut")


def test_no_text_and_bad_arguments(tower):
    model = tower()
    assert encode_texts(model, []).shape == (0, 16)
    with pytest.raises(ValueError, match="`batch_size` should be >= 1. Received: 0"):
        encode_texts(model, TEXTS, batch_size=0)
    with pytest.raises(ValueError, match="`texts` should hold strings. Received: None at 1"):
        encode_texts(model, ["a", None])


def test_a_tower_compiles_once_and_encodes_with_the_weights_of_the_moment(make_text_tower):
    tower = make_text_tower(["war", "love"], dim=4)
    first = encode_texts(tower, ["war", "love war"], progress=False)
    kernel = tower.projection.kernel
    kernel.assign(-kernel)
    second = encode_texts(tower, ["love war", "war", ""], progress=False)
    assert tower.encode.experimental_get_tracing_count() == 1
    np.testing.assert_allclose(second[:2], -first[::-1], atol=1e-6)


def test_texts_of_all_lengths_have_unit_vectors_alone_and_in_any_company(tower, capsys):
    model, texts = tower(), ["", "the matrix", "   ", "\n", "the god " * 400, "space " * 300]
    together = encode_texts(model, texts)
    assert capsys.readouterr().err.endswith("2 cut\n")
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(together[[2, 3]], together[[0, 0]])
    turned = encode_texts(model, texts[::-1], progress=False)[::-1]
    alone = np.concatenate([encode_texts(model, [text], progress=False) for text in texts])
    np.testing.assert_allclose(turned, together, atol=1e-5)
    np.testing.assert_allclose(alone, together, atol=1e-5)
