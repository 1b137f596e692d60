import json

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.serving.module import ExportCheckError
from advrec_tf.text import litert
from advrec_tf.text.litert import LiteRTEncoder, export_litert, read_report

TEXTS = ["the matrix", "", "amelie the matrix amelie the matrix"]
LENGTH = 6


@pytest.fixture(scope="module")
def tower(make_text_tower):
    return make_text_tower(["the", "matrix", "amelie"], width=64, max_length=LENGTH, dim=16)


@pytest.fixture(scope="module")
def path(tower, tmp_path_factory):
    return export_litert(tower, tmp_path_factory.mktemp("exports") / "texts", texts=TEXTS)


def test_vectors_by_int8_weights_point_where_those_of_the_tower_do(tower, path):
    tokens = {k: v.numpy() for k, v in tower.tokenizer(TEXTS, pad_to_max=True).items()}
    encoder, right = LiteRTEncoder(path), tower(tf.constant(TEXTS)).numpy()
    found = encoder(**tokens)
    assert found.shape == (3, 16) and not np.array_equal(found, right)
    cosines = (found * right).sum(axis=1)  # both of length 1
    assert cosines.min() > 0.995
    one = encoder(**{name: value[:1] for name, value in tokens.items()})
    np.testing.assert_allclose(one, found[:1], atol=1e-5)
    report = read_report(path)
    assert report.cosine == pytest.approx(cosines.mean(), abs=1e-5) and report.texts == 3
    assert report.least_cosine == pytest.approx(cosines.min(), abs=1e-5)
    assert report.bytes == (path / "model.tflite").stat().st_size < 0.75 * report.float32_bytes


def test_beside_the_model_stands_what_the_device_needs_to_tokenize(tower, path):
    import keras_hub

    notes = json.loads((path / "litert.json").read_text())
    assert notes["inputs"] == {name: [None, LENGTH] for name in ("token_ids", "padding_mask")}
    assert notes["outputs"] == {"vector": [None, 16]}
    settings = json.loads((path / "tokenizer" / "tokenizer.json").read_text())["config"]
    loaded = keras_hub.models.BertTokenizer(
        vocabulary=str(path / "tokenizer" / "assets" / "tokenizer" / "vocabulary.txt"),
        **{name: settings[name] for name in ("lowercase", "strip_accents")},
    )
    (own,) = loaded(["the matrix"])
    (ids,) = tower.tokenizer(["the matrix"], pad_to_max=True)["token_ids"].numpy().tolist()
    padding = [notes["pad_id"]] * (LENGTH - 4)
    assert ids == [notes["start_id"], *map(int, own), notes["end_id"], *padding]


def test_what_differs_too_much_or_is_there_already_is_refused(tower, path, monkeypatch):
    with pytest.raises(ValueError, match="`texts` should hold a text"):
        export_litert(tower, path.parent, texts=[])
    with pytest.raises(FileNotFoundError, match="should be a model that `export_litert` wrote"):
        LiteRTEncoder(path.parent)
    monkeypatch.setattr(litert, "_converted", lambda tower: (path / "model.tflite").read_bytes())
    with pytest.raises(FileExistsError):
        export_litert(tower, path.parent, texts=TEXTS, version=1)
    monkeypatch.setattr(litert, "LEAST_COSINE", 1.1)
    with pytest.raises(ExportCheckError, match="should have a mean cosine of 1.1 .* over 3 texts"):
        export_litert(tower, path.parent, texts=TEXTS)
    assert [child.name for child in path.parent.iterdir()] == ["1"]
