import numpy as np
import pandas as pd
import pytest
from tensorflow import keras

from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.controls import CONTROLS
from advrec_tf.tabular.gan import build_table_gan
from advrec_tf.tabular.training import fit_table_generator
from advrec_tf.tabular.transform import TableTransform
from advrec_tf.tabular.vae import build_table_vae


@pytest.fixture(scope="module")
def real():
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    return pd.DataFrame(
        {
            "x": x,
            "y": x + 0.2 * rng.normal(size=400),
            "kind": rng.choice(["a", "b", "c"], 400),
            "label": np.where(x > 0, "up", "down"),
        }
    )


@pytest.fixture(scope="module")
def schema(real):
    return table_schema.infer(real)


@pytest.fixture(scope="module")
def shuffled(real):
    """Every column of `real` shuffled on its own: the columns become independent."""
    rng = np.random.default_rng(1)
    return pd.DataFrame({name: rng.permutation(real[name].to_numpy()) for name in real})


@pytest.fixture(scope="session")
def frame():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 300)
    return pd.DataFrame(
        {
            "group": np.array(["left", "right"])[group],
            "value": np.round(rng.normal(6.0 * group - 3, 0.5), 2),
            "day": (np.datetime64("2024-01-01") + rng.integers(0, 60, 300)).astype("datetime64[s]"),
            "gap": np.where(rng.random(300) < 0.2, np.nan, rng.integers(1, 90, 300)),
            "flag": rng.random(300) < 0.3,
        }
    )


@pytest.fixture(scope="session")
def transform(frame):
    return TableTransform.fit(frame, table_schema.infer(frame))


@pytest.fixture(scope="session")
def narrow(frame):
    """Two of the columns, and their transform: a step that is built in less time."""
    two = frame[["group", "value"]]
    return two, TableTransform.fit(two, table_schema.infer(two))


@pytest.fixture(scope="session")
def compiled():
    """A function that compiles a generator with its optimizers."""
    return compile_generator


def compile_generator(model):
    if hasattr(model, "optimized"):
        rates = (keras.optimizers.Adam(1e-3, 0.5, 0.9) for _ in range(2))
        model.compile(d_optimizer=next(rates), g_optimizer=next(rates), steps_per_execution=10)
    else:
        model.compile(optimizer=keras.optimizers.Adam(2e-3), steps_per_execution=10)
    return model


SMALL = {"noise_dim": 8, "conditional": ("group", "day")}


@pytest.fixture(scope="session")
def controls(frame, transform):
    """name -> generator, of those that are not trained."""
    return {name: make(transform, frame) for name, make in CONTROLS.items()}


@pytest.fixture(scope="session")
def untrained(transform):
    """A GAN as it is built."""
    return build_table_gan(transform, **SMALL)


@pytest.fixture(scope="session")
def fitted(frame, transform, controls):
    """name -> generator, each trained for a few steps. For one file alone: each worker that is
    given another file with it would train them again."""
    models = dict(controls)
    for name, build in (("gan", build_table_gan), ("vae", build_table_vae)):
        models[name] = compile_generator(build(transform, **SMALL))
        report = fit_table_generator(
            models[name],
            frame.iloc[:240],
            frame.iloc[240:],
            steps=300,
            steps_per_round=100,
            batch_size=100,
        )
        assert report.verdict == "no collapse, no divergence"
    return models
