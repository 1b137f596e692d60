import numpy as np
import pytest

from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.pipelines.recommend import plots
from tests.worlds import interactions_of


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_epochs_are_whole_numbers_and_a_single_one_is_seen(epochs):
    names = ("d_loss", "g_loss", "d_accuracy", "diversity")
    figure = plots.draw_training({name: [0.5] * epochs for name in names})
    for ax in figure.axes:
        assert all(float(tick).is_integer() for tick in ax.get_xticks())
        low, high = ax.get_xlim()
        assert low < 1 and high > epochs
        line = ax.get_lines()[0]
        assert (line.get_marker() == "o") is (epochs < 40)


def test_popular_items_that_are_generated_have_room():
    # 1,000 items, all that is generated is of the first: the line reaches 1 there
    pairs = [(u, 0) for u in range(2)] + [(u % 3, u) for u in range(1, 1000)]
    real = interactions_of(pairs, 3, 1000)
    rows = AugmentedInteractions(
        real=real, user_index=np.int32([2]), item_index=np.int32([0]), fraction=0.5, weight=1.0
    )
    ax = plots.draw_popularity({"gan": rows}).axes[0]
    assert ax.get_xscale() == "log" and ax.get_xlim() == (1, 1000)
    of_real, of_generated = (line.get_xydata() for line in ax.get_lines())
    assert of_generated[0].tolist() == [1, 1] and of_real[0].tolist() == [1, 2 / 1001]


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
