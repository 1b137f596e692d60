import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.language_layer import LanguageModelLayer
from advrec_tf.models.language_model import LanguageModelTower
from advrec_tf.models.language_tokenizer import LanguageTokenizer
from advrec_tf.serving.language_export import export_tower

keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

TEXTS = ["The Matrix", "", "Amélie", "amelie"]
LOAD = """
import json, sys, tensorflow as tf, tensorflow_text
served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
print(json.dumps(served(text=tf.constant(json.loads(sys.argv[2])))["vector"].numpy().tolist()))
"""
# As a model server: no Python of TensorFlow, its text operations from their libraries.
SESSION = """
import json, sys
from advrec_tf.serving import c_api
libraries = c_api.text_op_libraries()
with c_api.SavedModelSession(sys.argv[1], op_libraries=libraries) as session:
    answer = session.run("serving_default", {"text": json.loads(sys.argv[2])})
assert "tensorflow" not in sys.modules
print(json.dumps(answer["vector"].tolist()))
"""


@pytest.fixture(scope="module")
def tower():
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "matrix", "amelie"]
    backbone = keras_hub.models.BertBackbone(
        *[8, 1, 2, 8, 16],
        max_sequence_length=6,  # tokens, layers, heads, width, inner width
    )
    rng = np.random.default_rng(0)
    for weight in backbone.weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    tokenizer = keras_hub.models.BertTokenizer(vocabulary, lowercase=True, strip_accents=True)
    layer = LanguageModelLayer(backbone, strategy="lora:2", dropout=True)
    return LanguageModelTower(layer, LanguageTokenizer(tokenizer, max_length=6), dim=3)


@pytest.mark.parametrize("code", [LOAD, SESSION], ids=["python", "session"])
def test_a_new_process_answers_strings_like_the_model_in_memory(tower, tmp_path, code):
    path = export_tower(tower, tmp_path / "texts")
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


def test_versions_are_counted_and_never_overwritten(tower, tmp_path):
    assert export_tower(tower, tmp_path / "texts").name == "1"
    assert export_tower(tower, tmp_path / "texts").name == "2"
    with pytest.raises(FileExistsError, match="A version should be new"):
        export_tower(tower, tmp_path / "texts", version=1)
