import importlib.util
from importlib import metadata

import pytest

from advrec_tf.commands import doctor
from advrec_tf.commands.application import main


def test_it_names_versions_devices_and_trains_a_small_model(capfd):
    main(["doctor"])
    out = capfd.readouterr().out
    assert "TFRS                     0.7" in out and "CPU:0" in out
    assert "a training of one epoch  works" in out
    assert out.rstrip().endswith("Everything that the commands need works.")


@pytest.mark.parametrize(
    ("extra", "cpu", "cure"),
    [
        ("search", False, "pip install 'advrec_tf[search]'"),
        ("search", True, "pip install 'optuna>=4'"),
        (
            "text",
            True,
            "pip install 'safetensors>=0.4' && pip install --no-deps 'keras-hub>=0.21' "
            "'tensorflow-text<2.22,>=2.20'",
        ),
    ],
)
def test_beside_tensorflow_cpu_an_extra_is_installed_by_its_packages(extra, cpu, cure, monkeypatch):
    def version(name):
        if not cpu:
            raise metadata.PackageNotFoundError(name)
        return "2.21"

    requires = [
        "tensorflow<2.22,>=2.20",
        'keras-hub>=0.21; extra == "text"',
        'tensorflow-text<2.22,>=2.20; extra == "text"',
        'safetensors>=0.4; extra == "text"',
        'optuna>=4; extra == "search"',
    ]
    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", lambda name: requires)
    assert doctor._cure(extra) == cure


def test_what_is_missing_is_named_with_the_cure(monkeypatch, capfd):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "optuna" else found(name)
    )
    monkeypatch.setattr(doctor, "_keras_problems", lambda: ["Keras is broken. Reinstall it."])
    with pytest.raises(SystemExit):
        main(["doctor"])
    captured = capfd.readouterr()
    assert "missing: pip install " in captured.out and "optuna" in captured.out
    assert captured.err == "Error: Keras is broken. Reinstall it.\n"
