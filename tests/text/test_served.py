import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving import saved_model
from advrec_tf.serving.module import ExportCheckError
from advrec_tf.text.served import ServedTower
from tests import malformed

TEXTS = ["The Matrix", "", "Amélie", "amelie"]
LOAD = """
import json, sys, tensorflow as tf, tensorflow_text
served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
print(json.dumps(served(text=tf.constant(json.loads(sys.argv[2])))["vector"].numpy().tolist()))
"""
# As a model server: no Python of TensorFlow, its text operations from their libraries.
SESSION = """
import json, sys
from advrec_tf.serving import c_api, c_library
libraries = c_library.text_op_libraries()
with c_api.SavedModelSession(sys.argv[1], op_libraries=libraries) as session:
    answer = session.run("serving_default", {"text": json.loads(sys.argv[2])})
assert "tensorflow" not in sys.modules
print(json.dumps(answer["vector"].tolist()))
"""


@pytest.fixture(scope="module")
def tower(make_text_tower):
    words = ["the", "matrix", "amelie"]
    return make_text_tower(words, max_length=6, strategy="lora:2", dropout=True, dim=3)


@pytest.fixture(scope="module")
def path(tower, tmp_path_factory):
    served = ServedTower(tower, texts=TEXTS)
    return saved_model.export(served, tmp_path_factory.mktemp("exports") / "texts")


@pytest.mark.parametrize("code", [LOAD, SESSION], ids=["python", "session"])
def test_a_new_process_answers_strings_like_the_model_in_memory(tower, path, code):
    result = subprocess.run(
        [sys.executable, "-c", code, os.fspath(path), json.dumps(TEXTS)],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    served = np.array(json.loads(result.stdout))
    np.testing.assert_allclose(served, tower(tf.constant(TEXTS)), atol=1e-6)
    assert np.abs(served[0] - served[2]).max() > 0.01


def items_of(vectors, ids):
    empty = np.zeros(0, np.int32)
    data = Interactions(
        user_index=empty, item_index=empty, users=Vocabulary([0]), items=Vocabulary(ids)
    )
    return VectorRecommender(
        user_vectors=np.zeros([1, vectors.shape[1]], np.float32),
        item_vectors=vectors,
        unknown_user=np.zeros(vectors.shape[1], np.float32),
        interactions=data,
    )


def test_the_nearest_items_are_those_of_the_highest_cosine_whatever_their_length(tower):
    (vector,) = tower(tf.constant(["the matrix"])).numpy()
    turned = np.array([vector[1], -vector[0], 0.0], np.float32)  # at right angles
    vectors = np.stack([turned, 0.1 * vector, -vector, vector + turned]).astype(np.float32)
    served = ServedTower(tower, items_of(vectors, [7, 8, 9, 10])).signatures()["nearest_items"]
    found = served(text=tf.constant(["the matrix"]))
    assert found["item_id"].numpy().tolist() == [[b"8", b"10", b"7", b"9"]]
    size = np.linalg.norm(turned)
    expected = [[1.0, 1.0 / np.sqrt(1.0 + size**2), 0.0, -1.0]]
    np.testing.assert_allclose(found["score"], expected, atol=1e-5)
    with pytest.raises(ValueError, match="`items` should have vectors of 3 numbers"):
        ServedTower(tower, items_of(vectors[:, :2], [7, 8, 9, 10]))


def test_another_tower_does_not_pass_the_check(tower, path, make_text_tower, tmp_path):
    other = make_text_tower(["the", "matrix", "amelie"], max_length=6, dim=3, seed=1)
    cases = ServedTower(other, texts=TEXTS).cases()
    with pytest.raises(ExportCheckError, match="vectors.*`vector`, at .*the value should be"):
        saved_model.check(path, cases, text_ops=True)
    with pytest.raises(ExportCheckError, match="could not be run"):
        saved_model.check(tmp_path, cases, text_ops=True)


@pytest.mark.slow
def test_the_process_outlives_all_malformed_requests(tower, tmp_path):
    items = items_of(np.eye(3, dtype=np.float32), [7, 8, 9])
    path = saved_model.export(ServedTower(tower, items), tmp_path / "nearest")
    answer = malformed.ask(path, text_ops=True)
    assert answer["other"] == [] and sum(answer["signatures"].values()) >= 80
