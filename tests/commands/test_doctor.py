import importlib.util

import pytest

from advrec_tf.commands import doctor
from advrec_tf.commands.application import main


def test_it_names_versions_devices_and_trains_a_small_model(capfd):
    main(["doctor"])
    out = capfd.readouterr().out
    assert "TFRS                     0.7" in out and "CPU:0" in out
    assert "a training of one epoch  works" in out
    assert out.rstrip().endswith("Everything that the commands need works.")


def test_what_is_missing_is_named_with_the_cure(monkeypatch, capfd):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "optuna" else found(name)
    )
    monkeypatch.setattr(doctor, "_keras_problems", lambda: ["Keras is broken. Reinstall it."])
    with pytest.raises(SystemExit):
        main(["doctor"])
    captured = capfd.readouterr()
    assert "missing: pip install 'advrec_tf[search]'" in captured.out
    assert captured.err == "Error: Keras is broken. Reinstall it.\n"
