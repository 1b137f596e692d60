import os

import pytest

from advrec_tf.pipelines.machine import machine


def test_the_cores_are_those_this_process_may_use_and_thread_limits_are_named(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS", raising=False)
    found = machine()
    assert found["cores"] == len(os.sched_getaffinity(0))
    assert found["OMP_NUM_THREADS"] == "3" and "TF_NUM_INTEROP_THREADS" not in found


def test_the_version_of_tensorflow_is_that_which_is_imported():
    tensorflow = pytest.importorskip("tensorflow")
    assert machine()["tensorflow"] == tensorflow.__version__
