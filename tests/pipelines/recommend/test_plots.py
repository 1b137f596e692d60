import numpy as np

from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.pipelines.recommend import plots
from tests.worlds import interactions_of


def test_epochs_are_whole_numbers():
    names = ("d_loss", "g_loss", "d_accuracy", "diversity")
    figure = plots.draw_training({name: [0.5, 0.25] for name in names})
    for ax in figure.axes:
        assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_lines_of_equal_rows_are_told_apart():
    real = interactions_of([(0, 0), (1, 1), (2, 1)], 3, 3)
    rows = AugmentedInteractions(
        real=real, user_index=np.int32([0]), item_index=np.int32([1]), fraction=0.5, weight=1.0
    )
    figure = plots.draw_popularity({"gan": rows, "gan_ablation": rows})
    _, first, second = figure.axes[0].get_lines()
    np.testing.assert_array_equal(first.get_ydata(), second.get_ydata())
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_linewidth() > second.get_linewidth()
