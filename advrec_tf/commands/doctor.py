"""`advrec doctor`: what is installed, what computes, what is missing and the cure."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import shlex
import shutil
from importlib import metadata

PACKAGES = (
    "tensorflow",
    "tensorflow-cpu",
    "tf-keras",
    "keras",
    "tensorflow-recommenders",
    "numpy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "tensorboard",
)
EXTRAS = {
    "text": ("keras_hub", "tensorflow_text", "safetensors"),
    "search": ("optuna",),
    "analysis": ("sklearn",),
    "privacy": ("dp_accounting",),
    "mlflow": ("mlflow",),
}


def doctor() -> None:
    """Print versions, the Keras generation, devices and what is missing, with the cure.

    The exit code is 1 where something that every command needs is broken.
    """
    from advrec_tf._version import __version__

    print(f"advrec_tf {__version__}, Python {platform.python_version()}, {platform.platform()}")
    for package in PACKAGES:
        try:
            print(f"  {package:<24} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            if package not in ("tensorflow", "tensorflow-cpu"):
                print(f"  {package:<24} missing")
    problems = _keras_problems()
    problems += _training_problems() if not problems else []
    print(f"  cores                    {os.cpu_count()}")
    free = shutil.disk_usage(".").free / 1e9
    print(f"  free on this disk        {free:.1f} GB")
    for extra, modules in EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        said = f"missing: {_cure(extra)}" if missing else "installed"
        print(f"  extra {extra:<18} {said}")
    if problems:
        raise ValueError(" ".join(problems))
    print("Everything that the commands need works.")


def _cure(extra: str) -> str:
    """How an extra is installed: beside tensorflow-cpu by its packages, since the extra itself
    would bring in tensorflow as well."""
    try:
        metadata.version("tensorflow-cpu")
        lines = metadata.requires("advrec_tf") or []
    except metadata.PackageNotFoundError:
        return f"pip install 'advrec_tf[{extra}]'"
    found = [line.partition(";") for line in lines]
    packages = [
        name.strip().replace(" ", "") for name, _, marker in found if f'"{extra}"' in marker
    ]
    nodeps = [name for name in packages if name.startswith(("keras-hub", "tensorflow"))]
    steps = [[name for name in packages if name not in nodeps], ["--no-deps", *nodeps]]
    return " && ".join(f"pip install {shlex.join(step)}" for step in steps[: 1 + bool(nodeps)])


def _keras_problems() -> list[str]:
    """Import TensorFlow and Keras, and say what they are and on which devices they compute."""
    try:
        from advrec_tf import _keras, _tfrs  # noqa: F401
    except ImportError as error:
        return [f"{error} Reinstall with pip install --force-reinstall advrec_tf."]
    import tensorflow as tf

    print(f"  tf.keras                 Keras {metadata.version('tf-keras')}")
    print(f"  TFRS                     {metadata.version('tensorflow-recommenders')} imported")
    for device in tf.config.list_physical_devices():
        details = tf.config.experimental.get_device_details(device)
        print(f"  device                   {device.name} {details.get('device_name', '')}".rstrip())
    if not tf.config.list_physical_devices("GPU"):
        built = "this TensorFlow is built with CUDA, and finds none" * tf.test.is_built_with_cuda()
        print(f"  GPU                      none; {built or 'this TensorFlow is built for the CPU'}")
    return []


def _training_problems() -> list[str]:
    """Train one small model for one epoch: what a broken installation fails at."""
    from advrec_tf.data import load
    from advrec_tf.models import two_tower
    from advrec_tf.training.defaults import fit

    try:
        split = load("synthetic", num_users=40, num_items=30).split("last_item")
        fit(two_tower(split.train), split, epochs=1, log=lambda line: None)
    except Exception as error:  # whatever it is, it is what the user needs to see
        return [f"Training a small model failed: {type(error).__name__}: {error}."]
    print("  a training of one epoch  works")
    return []
