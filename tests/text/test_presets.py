import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.text.presets import fingerprint_of_preset, load_preset

keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")


def vectors(backbone):
    ids = tf.constant([[2, 5, 6, 3], [2, 9, 3, 0]])
    mask = tf.constant([[1, 1, 1, 1], [1, 1, 1, 0]])
    inputs = {"token_ids": ids, "padding_mask": mask, "segment_ids": tf.zeros_like(ids)}
    return np.asarray(backbone(inputs)["sequence_output"])


@pytest.mark.parametrize("folder", ["hub_folder", "hugging_face_folder"])
def test_a_folder_of_either_format_holds_the_model_that_was_saved(folder, tiny_backbone, request):
    backbone, tokenizer = load_preset(request.getfixturevalue(folder))
    np.testing.assert_allclose(vectors(backbone), vectors(tiny_backbone()), atol=1e-6)
    assert tokenizer.lowercase and tokenizer.strip_accents


def test_hugging_face_settings_of_the_tokenizer_are_followed(hugging_face_folder, tmp_path):
    folder = shutil.copytree(hugging_face_folder, tmp_path / "model")
    config = folder / "tokenizer_config.json"
    config.write_text('{"do_lower_case": false, "strip_accents": null}')
    _, cased = load_preset(folder)
    assert not cased.lowercase and not cased.strip_accents
    config.write_text('{"do_lower_case": true, "strip_accents": false}')
    _, accented = load_preset(folder)
    assert accented.lowercase and not accented.strip_accents


@pytest.mark.parametrize(
    ("folder", "missing"),
    [
        ("hub_folder", "config.json"),
        ("hub_folder", "model.weights.h5"),
        ("hub_folder", "tokenizer.json"),
        ("hugging_face_folder", "model.safetensors"),
        ("hugging_face_folder", "vocab.txt"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused_by_its_name(folder, missing, request, tmp_path):
    copy = shutil.copytree(request.getfixturevalue(folder), tmp_path / "model")
    (copy / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"`preset` should be .*Missing in .*{missing}"):
        load_preset(str(copy))


def test_a_folder_that_does_not_exist_lacks_its_configuration(tmp_path):
    with pytest.raises(FileNotFoundError, match="Missing in .*nowhere: config.json"):
        load_preset(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{}", "describe.*neither"), ("[1", "be JSON"), ("[]", "describe.*neither")],
)
def test_a_configuration_of_something_else_is_refused(tmp_path, text, message):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=f"config.json should .*{message}"):
        load_preset(tmp_path)


def test_damaged_weights_are_refused_with_the_reason(hub_folder, tmp_path):
    folder = shutil.copytree(hub_folder, tmp_path / "model")
    (folder / "model.weights.h5").write_bytes(b"not HDF5")
    with pytest.raises(ValueError, match="`preset` should name .*may be damaged.*OSError"):
        load_preset(folder)


def test_an_unknown_name_is_refused_with_what_would_do():
    with pytest.raises(ValueError, match="`preset` should be an existing folder.*'bert_tinny'"):
        load_preset("bert_tinny")


def test_without_a_network_the_error_names_the_cure(monkeypatch):
    def unreachable(preset, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", unreachable)
    with pytest.raises(ValueError, match=r"Without a network, .* give its folder.*no route"):
        load_preset("bert_tiny_en_uncased")


def test_mixed_precision_computes_in_bfloat16_on_float32_weights(hub_folder):
    backbone, _ = load_preset(hub_folder, mixed_precision=True)
    assert vectors(backbone).dtype.name == "bfloat16"
    assert {weight.dtype for weight in backbone.weights} == {"float32"}


def in_a_new_process(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_another_backend_of_keras_3_is_refused():
    code = "from advrec_tf.text import presets as p; p.require_keras_hub()"
    result = in_a_new_process(code, KERAS_BACKEND="numpy")
    assert "ImportError: The language model needs Keras 3 to run on TensorFlow" in result.stderr


def test_without_keras_hub_the_modules_import_and_a_tower_names_the_cure():
    code = (
        "import sys; sys.modules['keras_hub'] = None\n"
        "from advrec_tf.text import cache, language_model\n"
        "language_model.LanguageModelTower.from_preset('x')"
    )
    message = in_a_new_process(code).stderr.strip().splitlines()[-1]
    assert message.startswith("ImportError: The language model needs keras-hub")
    assert "scripts/install.sh --extras text" in message


def test_the_fingerprint_of_a_folder_is_that_of_its_files_and_a_name_is_its_own(tmp_path):
    def folder(name, weights):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_text(weights)
        return fingerprint_of_preset(tmp_path / name)

    assert folder("one", "1") == folder("copy", "1") != folder("other", "2")
    assert fingerprint_of_preset("bert_tiny_en_uncased") == "bert_tiny_en_uncased"
