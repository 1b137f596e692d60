import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.perturbations import pgd
from advrec_tf.text import robustness as text_robustness_module
from advrec_tf.text.cache import encode_texts
from advrec_tf.text.noise import add_typos, drop_words, swap_synonyms
from advrec_tf.text.robustness import attack_tokens, text_robustness
from advrec_tf.training.perturb_outputs import perturb_outputs

WORDS = ["the", "matrix", "heat", "alien", "war", "love", "story", "night"]
TEXTS = ["the matrix", "heat", "", "alien the heat war", "love story", "night of war", "story"]
SYNONYMS = {"heat": ["night"], "love": ["war"], "story": ["alien", "matrix"]}


@pytest.fixture(scope="module")
def tower(make_text_tower):
    return make_text_tower([*WORDS, *(f"##{c}" for c in "aeh")], scale=0.5)


@pytest.fixture(scope="module")
def world(tower):
    """(rank, evaluator): users want the item whose clean vector is theirs, and have one other."""
    users = encode_texts(tower, TEXTS, progress=False)
    names = Vocabulary(np.arange(7))
    every = np.arange(7, dtype=np.int32)
    rows = [
        Interactions(user_index=every, item_index=items, users=names, items=names)
        for items in ((every + 1) % 7, every)
    ]

    def rank(vectors):
        return VectorRecommender(
            user_vectors=users,
            item_vectors=vectors,
            unknown_user=np.zeros(8, np.float32),
            interactions=rows[0],
        )

    return rank, RankingEvaluator(*rows, ks=(2,))


def cosine(one, other):
    return (one * other).sum(1)  # the vectors have length 1


@pytest.mark.parametrize("kind", ["fgsm", "random"])
def test_without_a_budget_the_vectors_are_the_clean_ones_in_their_order(tower, kind):
    clean = encode_texts(tower, TEXTS, progress=False)
    np.testing.assert_allclose(
        attack_tokens(tower, TEXTS, kind, 0.0, batch_size=3), clean, atol=1e-5
    )


@pytest.mark.slow
def test_an_adversary_turns_the_vectors_and_noise_of_its_size_turns_them_less(tower):
    clean = encode_texts(tower, TEXTS, progress=False)
    turned = {
        kind: cosine(attack_tokens(tower, TEXTS, kind, 0.3, batch_size=3), clean)
        for kind in ("fgsm", "bim", "pgd", "random")
    }
    for kind in ("fgsm", "bim", "pgd"):
        assert (turned[kind] < turned["random"]).all()
    assert turned["pgd"].mean() <= turned["fgsm"].mean() + 1e-4
    assert turned["fgsm"].max() < 1 - 1e-5 and turned["fgsm"].mean() < 1 - 1e-4
    assert turned["random"].mean() < 1 - 1e-5


@pytest.mark.slow
def test_the_margins_adversary_takes_an_item_for_another_and_then_stops(tower):
    clean = encode_texts(tower, TEXTS, progress=False)
    index = np.arange(len(TEXTS))

    def margins(kind):
        cosines = attack_tokens(tower, TEXTS, kind, 0.6, batch_size=3) @ clean.T
        own = cosines[index, index].copy()
        cosines[index, index] = -2.0
        return own - cosines.max(1)

    before = clean @ clean.T
    np.fill_diagonal(before, -2.0)
    margin = margins("cw")
    assert (margin < 1 - before.max(1)).all()
    # Who turns texts far away spends on each alike; the margin is left at once it is crossed.
    assert (margin < 0).sum() >= (margins("pgd") < 0).sum() > 0
    assert margin.min() > margins("pgd").min()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_ball_is_of_the_norm_it_is_asked_for(tower, norm, monkeypatch):
    seen = []
    monkeypatch.setattr(
        text_robustness_module,
        "worst_case",
        lambda find, values, perturbation, seed, masks: (
            seen.append(perturbation) or [tf.zeros_like(v) for v in values]
        ),
    )
    attack_tokens(tower, TEXTS, "bim", 0.2, norm=norm)
    assert seen[0] == pgd(0.2, steps=5, step_size=0.2, norm=norm, relative=True, random_start=True)
    with pytest.raises(ValueError, match="`norm` should be one of"):
        attack_tokens(tower, TEXTS, "bim", 0.2, norm="l1")


def test_noise_in_the_token_vectors_has_the_size_it_says(tower, monkeypatch):
    tokens = tower.tokenizer(tf.constant(TEXTS))
    with perturb_outputs([tower.language_model.token_vectors]) as outputs:
        tower(tokens)
    clean = outputs[0].numpy()
    seen = []
    layer = tower.language_model.token_vectors
    call = tower.call

    def watched(inputs, training=None):
        with perturb_outputs([layer]) as outer:
            result = call(inputs, training)
        if isinstance(inputs, dict):
            tf.py_function(lambda x: seen.append(x.numpy()), [outer[0]], [])
        return result

    monkeypatch.setattr(tower, "call", watched)
    attack_tokens(tower, TEXTS[:1] * 4, "random", 0.25)
    sizes = np.linalg.norm(seen[-1] - seen[0], axis=1) / np.linalg.norm(seen[0], axis=1)
    np.testing.assert_allclose(sizes, 0.25, rtol=1e-4)
    np.testing.assert_array_equal(seen[0][0], clean[0][: seen[0].shape[1]])


@pytest.mark.slow
def test_a_loss_is_that_of_ranking_by_the_disturbed_vectors(tower, world):
    rank, evaluator = world
    report = text_robustness(
        tower,
        TEXTS,
        rank,
        evaluator,
        synonyms=SYNONYMS,
        rates=[0.5],
        epsilons=[0.3],
        metric="ndcg@2",
        kinds=["drop", "typo", "synonym", "fgsm", "random"],
        seeds=[3, 4],
    )
    assert report.clean["ndcg@2"] == 1.0  # nothing is nearer to a vector than itself
    clean = encode_texts(tower, TEXTS, progress=False)
    altered = {
        "drop": lambda seed: drop_words(TEXTS, 0.5, seed=seed),
        "typo": lambda seed: add_typos(TEXTS, 0.5, seed=seed),
        "synonym": lambda seed: swap_synonyms(TEXTS, 0.5, synonyms=SYNONYMS, seed=seed),
    }
    assert [point.kind for point in report.points] == [*altered, "fgsm", "random"]
    lost = 0.0
    for point in report.points:
        if point.kind in altered:
            moved = [encode_texts(tower, altered[point.kind](s), progress=False) for s in (3, 4)]
        else:
            seeds = (3, 4) if point.kind == "random" else (3,)
            moved = [attack_tokens(tower, TEXTS, point.kind, 0.3, seed=s) for s in seeds]
        losses = [1 - evaluator.evaluate(rank(v)).metrics["ndcg@2"] for v in moved]
        assert point.relative_loss == pytest.approx(np.mean(losses))
        turned = np.mean([cosine(clean, v).mean() for v in moved])
        assert point.cosine == pytest.approx(turned, abs=1e-5)
        if len(moved) == 2:
            assert point.deviation == pytest.approx(abs(losses[0] - losses[1]) / np.sqrt(2))
        else:
            assert point.deviation is None
        lost += point.relative_loss
    assert lost > 0.1
    assert report.relative_losses("typo") == {0.5: report.points[1].relative_loss}
    json.dumps(dataclasses.asdict(report))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kinds": ["drop", "shout"]}, "`kinds` should be of .*Received: 'shout'"),
        ({"kinds": ["synonym"]}, "`synonyms` should be given"),
        ({"seeds": []}, "`seeds` should hold at least one"),
        ({"metric": "ndcg@7", "kinds": []}, "`metric` should be one of"),
    ],
)
def test_bad_settings_are_refused(tower, world, settings, message):
    with pytest.raises(ValueError, match=message):
        text_robustness(tower, TEXTS, *world, **{"metric": "ndcg@2", **settings})
    with pytest.raises(ValueError, match="`kind` should be one of"):
        attack_tokens(tower, TEXTS, "typo", 0.1)
