from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.pipelines.stages import StageStore
from experiments.next_item_robustness import fake_users, rows, study
from tests.experiments.next_item_robustness.test_study import SIZE, SPLIT


def test_fake_users_promote_by_counted_transitions_and_removal_takes_them_out(tmp_path):
    one = study.Robustness(SPLIT, StageStore(tmp_path, {"job": "x"}), 0, lambda _: None, SIZE)
    promotion = fake_users.Promotion(one)
    found = promotion.cells([rows.TRANSITIONS])
    assert [(r["attack"], r["defence"]) for r in found] == list(fake_users.CELLS)
    assert found[2]["target_hit_rate"] == found[0]["target_hit_rate"]
    assert found[1]["fakes_flagged"] == 1.0
    few = promotion.cells([rows.TRANSITIONS], [fake_users.CO_VISITATION])
    assert few == found[:3]
    assert isinstance(promotion.fitted(rows.TRANSITIONS, SPLIT.train), Transitions)
