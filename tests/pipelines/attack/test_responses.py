from advrec_tf.attacks.campaign import CampaignAttack
from advrec_tf.attacks.heuristic import AverageAttack, RandomAttack
from advrec_tf.attacks.threat_model import PartialKnowledge
from advrec_tf.defence.defences import Defence
from advrec_tf.pipelines.attack import responses


def test_the_search_starts_from_campaigns_within_the_budget_and_turns_these_alone():
    defence = Defence()
    attack = responses.best_response(
        num_profiles=10,
        num_fillers=8,
        num_items=80,
        defence=defence,
        surrogate=lambda rows, defence, seed: None,
    )
    assert (attack.num_profiles, attack.num_fillers) == (10, 8) and attack.defence is defence
    *campaigns, last = attack.candidates
    assert len(campaigns) == len(responses.STARTS)
    assert all(isinstance(one, CampaignAttack) for one in campaigns)
    assert all(isinstance(one, CampaignAttack) for one in attack.turns(campaigns[0]))
    assert isinstance(last, AverageAttack) and attack.turns(last) == []
    assert attack.num_tries == responses.TRIES and attack.num_evading == 0


def test_a_candidate_spends_no_more_fillers_than_its_pool_holds_beside_a_target():
    budget = {"num_profiles": 2, "num_fillers": 16}
    pooled = AverageAttack(**budget, pool=0.2)  # 16 of 80 items, of which one may be the target
    assert responses.within_pool(pooled, 80).num_fillers == 15
    assert responses.within_pool(pooled, 85) == pooled
    wrapped = PartialKnowledge(attack=pooled, fraction=0.5)
    assert responses.within_pool(wrapped, 80).num_fillers == 15
    assert responses.within_pool(RandomAttack(**budget), 17).num_fillers == 16
