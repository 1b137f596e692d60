import re

from advrec_tf.data.readers.report import Count, Loaded, ReadReport
from advrec_tf.data.splits import Split
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.baselines import Popularity
from advrec_tf.ops import html
from advrec_tf.training.fitting import FitReport
from tests.worlds import interactions_of


def test_texts_are_escaped_and_numbers_stand_to_the_right():
    shown = html.table(
        "<b>a & b</b>", [("<script>", 1234), ("x", 0.123456)], header=["name", "n>1"]
    )
    assert "<script>" not in shown and "&lt;script&gt;" in shown
    assert "<b>&lt;b&gt;a &amp; b&lt;/b&gt;</b>" in shown and "<th>n&gt;1</th>" in shown
    assert re.findall(r"right\">([^<]*)<", shown) == ["1,234", "0.1235"]


def test_a_long_table_ends_with_how_many_rows_there_are_more():
    shown = html.table("t", [(i,) for i in range(html.MOST_ROWS + 3)])
    assert "and 3 more" in shown and shown.count("<tr>") == html.MOST_ROWS + 1


ROWS = [(0, 0), (0, 1), (1, 0), (2, 1)]


def cells(thing):
    rows = re.findall(r"<tr>(.*?)</tr>", thing._repr_html_())
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in rows if "<td" in row]


def test_interactions_and_splits_say_how_many_of_each():
    data = interactions_of(ROWS, rating=[1, 5, 2, 3])
    assert cells(data) == [
        ["interactions", "4"],
        ["users", "3"],
        ["items", "2"],
        ["rating", "1 to 5"],
    ]
    split = Split(name="mine", train=data, validation=data.select([0]), test=data.select([1, 2]))
    assert cells(split) == [
        ["train", "4", "3", "2"],
        ["validation", "1", "1", "1"],
        ["test", "2", "2", "2"],
    ]


def test_a_report_of_a_reader_shows_names_of_the_file_as_text():
    report = ReadReport(
        source="<img src=x>.csv",
        place="line",
        rows_read=5,
        rows_kept=4,
        num_users=3,
        num_items=2,
        left_out={"missing user": Count(1, 3)},
        noticed={},
        notes=("a < b",),
    )
    loaded = Loaded(interactions=interactions_of(ROWS), report=report)
    assert "<img" not in loaded._repr_html_()
    assert cells(loaded)[4:] == [["left out: missing user", "1"], ["note", "a &lt; b"]]


def test_models_results_and_trainings_show_their_figures():
    data = interactions_of(ROWS)
    model = Popularity().fit(data)
    assert cells(model) == [["users", "3"], ["items", "2"], ["training interactions", "4"]]
    assert "Popularity" in model._repr_html_()
    assert cells(Popularity()) == []  # before the fit
    result = RankingEvaluator(data.select([0, 2, 3]), data.select([1])).evaluate(model)
    assert ["ndcg@10", "1"] in cells(result)
    report = FitReport(history={"loss": [2.0, 0.5]}, epochs=2, best_epoch=2, best=None, seconds=1)
    assert ["best on validation", "none"] in cells(report)
    assert cells(report)[-1] == ["last loss", "0.5"]
