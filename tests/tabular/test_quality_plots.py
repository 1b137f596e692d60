import numpy as np
import pytest

from advrec_tf.tabular import quality_plots

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def plots(real, shuffled, schema):
    history = {
        name: [1.0, 0.5]
        for name in ("d_loss", "g_loss", "val_distance", "val_columns", "val_pairs")
    }
    return quality_plots.all_plots(real, shuffled, schema, history)


def test_every_plot_is_a_png(plots):
    assert set(plots) == {"networks", "columns", "components", "correlations"}
    assert all(content.startswith(PNG) for content in plots.values())


def test_without_a_history_of_losses_training_is_not_drawn(real, schema):
    assert "networks" not in quality_plots.all_plots(real, real, schema, {"loss": [1.0]})


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
