import numpy as np
import pandas as pd
import pytest

from advrec_tf.tabular import quality_plots
from advrec_tf.tabular.schema import infer

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def plots(real, shuffled, schema):
    history = {
        name: [1.0, 0.5]
        for name in ("d_loss", "g_loss", "val_distance", "val_columns", "val_pairs")
    }
    found, notes = quality_plots.all_plots(real, shuffled, schema, history)
    assert notes == []
    return found


def test_every_plot_is_a_png(plots):
    assert set(plots) == {"networks", "columns", "components", "correlations"}
    assert all(content.startswith(PNG) for content in plots.values())


def test_without_a_history_of_losses_training_is_not_drawn(real, schema):
    assert "networks" not in quality_plots.all_plots(real, real, schema, {"loss": [1.0]})[0]


def test_plots_are_files_and_images_of_tensorboard(plots, tmp_path):
    paths = quality_plots.write_plots(plots, tmp_path)
    assert [path.read_bytes() for path in paths] == list(plots.values())
    assert len(list((tmp_path / "tensorboard" / "plots").iterdir())) == 1


def test_components_are_those_of_the_real_rows():
    # all variance lies on the first axis
    real = np.array([[-1.0, 0.0], [1.0, 0.0]] * 10)
    first, second, fraction = quality_plots.principal_components(real, real[:4])
    assert fraction[0] == pytest.approx(1.0)
    np.testing.assert_allclose(np.abs(first[:, 0]), 1.0)
    np.testing.assert_allclose(second, first[:4])


def test_names_with_dollars_rare_categories_and_missing_columns_are_drawn():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "pay $^^$ a": rng.normal(size=300),
            "town_$": [f"${i % 150}_{{" for i in range(300)],
            "label": rng.choice(["a$b$", "$"], 300),
        }
    )
    frame["seen"] = np.where(np.arange(300) < 2, frame.iloc[:, 0], np.nan)
    table_schema = infer(frame, label="label")
    plots, notes = quality_plots.all_plots(frame.iloc[2:], frame.iloc[100:], table_schema)
    assert notes == [] and set(plots) == {"columns", "components", "correlations"}


def test_what_cannot_be_drawn_is_said_and_the_rest_is_drawn(real, schema, monkeypatch):
    def broken(*frames):
        raise RuntimeError("no ink")

    monkeypatch.setattr(quality_plots, "draw_components", broken)
    plots, notes = quality_plots.all_plots(real, real, schema)
    assert set(plots) == {"columns", "correlations"}
    assert notes == ["the plot 'components' could not be drawn: no ink"]
