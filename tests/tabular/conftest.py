import numpy as np
import pandas as pd
import pytest

from advrec_tf.tabular import schema as table_schema


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
