"""Where TensorFlow's C library is."""

import pytest

from advrec_tf.serving import c_library


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(c_library.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"libtensorflow_cc\.so\.2"):
        c_library.find_library()


def test_the_library_lies_inside_the_installed_package():
    path = c_library.find_library()
    assert path.name == "libtensorflow_cc.so.2" and path.parent.name == "tensorflow"
