import subprocess
import sys

from advrec_tf.ops.figures import plot_epochs, subplots


def test_a_figure_is_drawn_into_a_file_without_pyplot(tmp_path):
    figure, axes = subplots(1, 2, figsize=(4, 2))
    axes[0].plot([1, 2])
    figure.savefig(tmp_path / "figure.png", dpi=50)
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_importing_the_plots_leaves_the_backend_of_the_notebook_alone():
    code = (
        "import matplotlib; matplotlib.use('svg'); "
        "import advrec_tf.pipelines.recommend.plots, advrec_tf.tabular.quality_plots; "
        "import sys; assert 'matplotlib.pyplot' not in sys.modules; "
        "assert matplotlib.get_backend() == 'svg'"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]


def test_a_curve_over_epochs_has_whole_ticks_and_few_epochs_have_dots():
    _, (one, many) = subplots(1, 2, figsize=(4, 2))
    plot_epochs(one, [0.5])
    plot_epochs(many, [0.1] * 21)
    assert one.lines[0].get_marker() == "o" and many.lines[0].get_marker() == ""
    assert list(many.lines[0].get_xdata()) == list(range(1, 22))
    for ax in (one, many):
        assert all(tick == int(tick) for tick in ax.get_xticks())
