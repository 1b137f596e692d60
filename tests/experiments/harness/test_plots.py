from matplotlib.figure import Figure

from experiments.harness import plots


def test_bars_have_a_panel_a_column_and_a_bar_a_label():
    figure = plots.bars(
        {"plain": {"ndcg": 0.5, "tail": 0.1}, "full": {"ndcg": 0.25}},
        ["ndcg", "tail"],
        title="toy",
        colors={"full": plots.RED},
        baseline="plain",
    )
    first, second = figure.axes
    assert [bar.get_width() for bar in first.patches] == [0.5, 0.25]
    assert [bar.get_width() for bar in second.patches] == [0.1, 0.0]
    assert first.lines[0].get_xdata()[0] == 0.5
    assert [text.get_text() for text in second.texts] == ["0.100", ""]


def test_plots_are_saved_where_their_page_shows_them(tmp_path):
    page = tmp_path / "results" / "study-x.md"
    figures = {"a": Figure}
    plots.save(figures, page)
    assert (tmp_path / "images" / "study-x-a.png").exists()
    (tmp_path / "results").mkdir(exist_ok=True)
    (tmp_path / "results" / "run.json").write_text("{}")
    plots.save(figures, page)
    assert (tmp_path / "results" / "plots" / "a.png").exists()
