import logging

import numpy as np

from advrec_tf.attacks.campaign import CampaignAttack
from advrec_tf.attacks.heuristic import AverageAttack, RandomAttack, SegmentAttack
from advrec_tf.attacks.threat_model import PartialKnowledge
from advrec_tf.defence.adaptive import BestResponse, EvadingAttack
from advrec_tf.defence.defences import Defence
from advrec_tf.models.base import MatrixRecommender
from advrec_tf.pipelines.attack.chosen import described, rows_of, searched
from tests.worlds import tiny_world

BUDGET = {"num_profiles": 5, "num_fillers": 8}
CAMPAIGN = {
    **{"item_id": 7, "attack": "campaign", "accounts": 0.4, "length": 0.3, "shared": 0.25},
    **{"num_sources": 2, "community": None, "around_target": True, "mean_ratings": False},
    **{"registered": 2, "tried": 25, "hit_rate": 0.125, "k": 10},
}


def test_a_campaign_is_described_by_its_settings_and_another_attack_by_its_name():
    campaign = CampaignAttack(**BUDGET, accounts=0.4, length=0.3, shared=0.25, num_sources=2)
    settings = described(campaign)
    assert settings["attack"] == "campaign" and settings["accounts"] == 0.4 and len(settings) == 8
    assert settings["num_sources"] == 2 and settings["community"] is None
    pooled = AverageAttack(**BUDGET, pool=0.2)
    assert described(pooled) == {"attack": "average-over-popular"}
    known = PartialKnowledge(attack=SegmentAttack(**BUDGET, segment=(1, 2)), fraction=0.5)
    evading = EvadingAttack(attack=known, detector=None)
    assert described(evading) == {"attack": "segment", "evading": True}
    assert described(RandomAttack(**BUDGET)) == {"attack": "RandomAttack"}


def test_a_search_says_every_attack_that_it_tries_and_what_it_chose(caplog):
    world = tiny_world(20, 40, density=0.3)

    def surrogate(rows, defence, seed):  # likes the target where there are four accounts more
        scores = np.zeros((20, 40), np.float32)
        scores[:, :39] = 1.0
        scores[:, 39] = 2.0 if rows.interactions.num_users == 24 else 0.0
        return MatrixRecommender(scores=scores, interactions=world)

    attack = BestResponse(
        candidates=(AverageAttack(**BUDGET), CampaignAttack(**BUDGET, accounts=0.8)),
        defence=Defence(),
        surrogate=surrogate,
    )
    targets, rng = np.array([39]), np.random.default_rng(0)
    with caplog.at_level(logging.INFO, logger="advrec_tf.pipelines"):
        profiles, found = searched(attack, world, targets, rng=rng, name="search")
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("search: tried 1 of at most 2, hit rate 0.0000, best so far 0.0000, ")
    assert second.startswith("search: tried 2 of at most 2, hit rate 1.0000, best so far 1.0000, ")
    assert len(profiles) == found["registered"] == 4 and found["attack"] == "campaign"
    assert (found["tried"], found["hit_rate"], found["k"]) == (2, 1.0, 10)


def test_what_was_chosen_is_a_row_of_text_for_each_cell():
    simple = {"item_id": 8, "attack": "average", "evading": True, "registered": 5, "tried": 7}
    simple |= {"hit_rate": 0.5, "k": 10}
    cells = [{"seed": 0, "chosen": CAMPAIGN}, {"seed": 1, "chosen": simple}, {"seed": 2}]
    head, first, second = rows_of(cells)
    assert dict(zip(head, first, strict=True)) == {
        **{"target": "7", "seed": "0", "attack": "campaign", "accounts": "2", "length": "0.3"},
        **{"shared": "0.25", "sources": "2", "community": "all", "around target": "yes"},
        **{"mean ratings": "no", "tried": "25", "hit rate@10": "0.1250"},
    }
    assert second[:4] == ("8", "1", "average, the least suspicious", "5")
    assert second[4:10] == ("",) * 6 and rows_of(cells[2:]) == []
