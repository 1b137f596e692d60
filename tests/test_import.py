"""What `import advrec_tf` does to a process; each case in a Python of its own."""

import os
import subprocess
import sys

KERAS_2 = "assert tf.keras.Model.__module__.startswith('tf_keras.'), tf.keras.Model"


def run(code, **environment):
    kept = {key: value for key, value in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_advrec_before_tensorflow_makes_tf_keras_keras_2():
    result = run(f"import advrec_tf, tensorflow as tf; {KERAS_2}; import tensorflow_recommenders")
    assert result.returncode == 0, result.stderr


def test_advrec_after_tensorflow_makes_tf_keras_keras_2():
    result = run(f"import tensorflow as tf, advrec_tf; {KERAS_2}")
    assert result.returncode == 0, result.stderr


def test_after_tf_keras_was_used_as_keras_3_the_import_names_the_cure():
    result = run("import tensorflow as tf; tf.keras.layers.Dense(1); import advrec_tf")
    assert result.returncode != 0
    message = result.stderr.splitlines()[-1]
    assert message.startswith("ImportError")
    assert "already been loaded as Keras 3" in message
    assert "import advrec_tf before anything that touches tf.keras" in message
    assert "TF_USE_LEGACY_KERAS=1" in message


def test_the_variable_set_to_zero_is_refused_by_name():
    result = run("import advrec_tf", TF_USE_LEGACY_KERAS="0")
    assert result.returncode != 0
    message = result.stderr.splitlines()[-1]
    assert message.startswith("ImportError")
    assert "TF_USE_LEGACY_KERAS is set to '0'" in message


def test_the_variable_set_to_one_is_welcome():
    assert run("import advrec_tf", TF_USE_LEGACY_KERAS="1").returncode == 0


def test_the_import_loads_no_tensorflow_and_no_language_library():
    result = run("import sys, advrec_tf; print(*sys.modules)")
    assert result.returncode == 0, result.stderr
    loaded = {name.split(".")[0] for name in result.stdout.split()}
    heavy = {"tensorflow", "keras", "tf_keras", "tensorflow_recommenders", "keras_hub", "pandas"}
    assert "advrec_tf" in loaded
    assert not loaded & heavy


def test_the_data_room_needs_no_tensorflow_for_an_invented_world():
    result = run("import sys, advrec_tf.data.synthetic; print('tensorflow' in sys.modules)")
    assert result.stdout.strip() == "False", result.stderr
