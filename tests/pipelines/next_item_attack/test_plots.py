import numpy as np

from advrec_tf.pipelines.next_item_attack import plots
from tests.pipelines.next_item_attack.test_page import CURVE, POINTS, REPORT


def lines_of(ax):
    return {line.get_label(): np.transpose(line.get_data()).tolist() for line in ax.lines}


def test_a_curve_goes_through_its_points_in_the_panel_of_its_kind():
    curves = [{**CURVE, "points": POINTS}, {**CURVE, "kind": "insert", "points": POINTS[:1]}]
    deleted, inserted = plots.draw_pollution(curves, "ndcg", "NDCG@10", title="t").axes
    assert lines_of(deleted) == {"none, greedy": [[0, 0.2], [3, 0.1]]}
    assert lines_of(inserted) == {"none, greedy": [[0, 0.2]]}
    assert deleted.get_title() == "items taken out" and deleted.get_ylim()[0] == 0
    assert deleted.get_ylim()[1] > 0.2  # the highest point is inside


def test_ticks_are_whole_edits_and_the_title_says_goal_target_and_users(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        plots, "finished", lambda figure, axes, label: drawn.append(figure) or figure
    )
    points = [
        {**point, "budget": min(point["budget"], 2)} for point in REPORT["pollution"][1]["points"]
    ]
    curves = [{**curve, "points": points} for curve in REPORT["pollution"]]
    plots.draw_all({**REPORT, "pollution": curves, "promotion": []}, tmp_path)
    lowered, raised = drawn
    for figure in drawn:
        ticks = figure.axes[0].get_xticks()
        assert (ticks == np.round(ticks)).all() and {0, 1, 2} <= set(ticks)
    assert lowered.get_suptitle() == "Goal: lower the next item; n = 300 users"
    assert raised.get_suptitle() == "Goal: raise a target (a, b); n = 283 users without it"


def test_attackers_of_one_defence_have_their_own_colors():
    curves = [
        {**CURVE, "defence": "purification", "attacker": name, "points": POINTS}
        for name in ("ignores the detector", "stays below the detector")
    ]
    (ax,) = plots.draw_pollution(curves, "ndcg", "NDCG@10", title="t").axes
    assert "purification, attacker ignores the detector, greedy" in lines_of(ax)
    assert len({line.get_color() for line in ax.lines}) == 2


def test_a_defence_begins_at_its_own_clean_rate_or_that_without_one():
    records = [{**record, "defence": "none"} for record in REPORT["promotion"]]
    records += REPORT["promotion"][1:]
    none, removal = plots.draw_promotion(records).axes
    assert lines_of(none) == {"flooding": [[0, 1], [5, 2]]}  # in percent
    assert lines_of(removal) == {"flooding": [[0, 1], [5, 2]]}
    assert removal.get_title() == "defence removal"


def test_only_what_was_measured_is_drawn(tmp_path):
    assert plots.draw_all({"pollution": [], "promotion": []}, tmp_path) == []
    found = plots.draw_all({**REPORT, "promotion": []}, tmp_path)
    assert found == ["plots/pollution.png", "plots/pollution_target.png"]
    assert all((tmp_path / name).is_file() for name in found)
