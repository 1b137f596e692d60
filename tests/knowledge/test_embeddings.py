import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.knowledge.embeddings import Corruptions, KnowledgeEmbedding, Logistic, Margin
from advrec_tf.knowledge.link_prediction import LinkPredictionEvaluator
from advrec_tf.knowledge.scores import DistMult, RotatE, TransE
from advrec_tf.models.factorization.negatives import Generator
from advrec_tf.ops.sparse_updates import rule_of
from advrec_tf.training.optimizers import LazyAdam


def graph_of(triples, num_entities, num_relations=1):
    columns = np.array(triples, np.int32).reshape(-1, 3)
    return KnowledgeGraph(
        heads=columns[:, 0],
        relations=columns[:, 1],
        tails=columns[:, 2],
        entities=Vocabulary(np.arange(num_entities)),
        relation_names=Vocabulary(np.arange(num_relations)),
        item_entity=np.zeros(0, np.int32),
    )


def fixed(entities, relations, triples=((0, 0, 1),), **settings):
    """A model with these vectors."""
    entities, relations = np.array(entities, np.float32), np.array(relations, np.float32)
    model = KnowledgeEmbedding(
        graph_of(triples, len(entities), len(relations)), dim=entities.shape[1], **settings
    )
    model.entity_embedding.embeddings.assign(entities)
    model.relation_embedding.embeddings.assign(relations)
    return model


def batch(triples, seed=(0, 0), weight=None):
    columns = np.array(triples, np.int32)
    return {
        "head": tf.constant(columns[:, 0]),
        "relation": tf.constant(columns[:, 1]),
        "tail": tf.constant(columns[:, 2]),
        "weight": tf.ones(len(columns)) if weight is None else tf.constant(weight, tf.float32),
        "seed": tf.constant(seed),
    }


def drawn(model, inputs):
    tables = {name: layer.embeddings for name, layer in model.embedding_tables().items()}
    return {name: np.array(value) for name, value in model.draw(inputs, tables).items()}


# Scores.

SCORES = {
    # (1, 2) + (1, 0) = (2, 2): from (5, 6) by (3, 4), from (1, 2) by (1, 0)
    # (5, 6) - (1, 0) = (4, 6): from (1, 2) by (3, 4) too
    "transe_1": ({}, [[1, 2], [5, 6]], [[1, 0]], [[-1, -7]], [[-7, -1]]),
    "transe_2": ({"score": TransE(norm=2)}, [[1, 2], [5, 6]], [[1, 0]], [[-1, -5]], [[-5, -1]]),
    # (1, 2) * (3, -1) = (3, -2): by (1, 2) -1, by (5, 6) 3; (5, 6) * (3, -1) = (15, -6)
    "distmult": ({"score": DistMult()}, [[1, 2], [5, 6]], [[3, -1]], [[-1, 3]], [[3, 39]]),
    # 1 + 2i turned by a right angle is -2 + i: from 1 + 2i by -3 - i, from 4 + 9i by -6 - 8i;
    # 4 + 9i turned back is 9 - 4i: from 1 + 2i by 8 - 6i, from 4 + 9i by 5 - 13i
    "rotate": (
        {"score": RotatE()},
        [[1, 2], [4, 9]],
        [[math.pi / 2]],
        [[-math.sqrt(10), -10]],
        [[-10, -math.sqrt(194)]],
    ),
}


@pytest.mark.parametrize(
    ("settings", "entities", "relations", "tails", "heads"), SCORES.values(), ids=SCORES
)
def test_scores_are_those_worked_by_hand(settings, entities, relations, tails, heads):
    # of (0, r, ?) and (?, r, 1); the two have the fact (0, r, 1) in common
    model = fixed(entities, relations, **settings)
    zero, one = tf.constant([0]), tf.constant([1])
    np.testing.assert_allclose(model.score_tails(zero, zero), tails, rtol=1e-6)
    np.testing.assert_allclose(model.score_heads(zero, one), heads, rtol=1e-6)
    np.testing.assert_allclose(model.score_triples(zero, zero, one), [tails[0][1]], rtol=1e-6)
    inputs = batch([(0, 0, 1)])
    np.testing.assert_allclose(model(inputs), model.score_triples(zero, zero, one))
    assert tails[0][1] == pytest.approx(heads[0][0])


def test_rotate_turns_each_number_by_its_own_angle():
    # (1 + 0i, 0 + 2i) turned by (pi, -pi/2) is (-1, 2): parts [-1, 2, 0, 0]
    model = fixed([[1, 0, 0, 2], [-1, 2, 0, 0]], [[math.pi, -math.pi / 2]], score=RotatE())
    zero, one = tf.constant([0]), tf.constant([1])
    np.testing.assert_allclose(model.score_triples(zero, zero, one), [0.0], atol=1e-5)


def test_entities_of_length_one_are_scored_by_their_direction():
    # (3, 4) -> (.6, .8), (0, 9) -> (0, 1); r = (-.6, 0): the gap is (0, -.2)
    model = fixed([[3, 4], [0, 9]], [[-0.6, 0]], score=TransE(unit_entities=True))
    zero, one = tf.constant([0]), tf.constant([1])
    np.testing.assert_allclose(model.score_triples(zero, zero, one), [-0.2], atol=1e-6)
    np.testing.assert_allclose(model.score_tails(zero, zero)[0, 1], -0.2, atol=1e-6)
    np.testing.assert_allclose(model.score_heads(zero, one)[0, 0], -0.2, atol=1e-6)
    np.testing.assert_allclose(model.entity_vectors(), [[0.6, 0.8], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(model.relation_vectors(), [[-0.6, 0]])


# What is known, and what is drawn.


def test_heads_and_tails_are_exchanged_in_turn_and_known_facts_left_out():
    # (0, r, 1), (0, r, 2) and (3, r, 1) are known, of 4 entities
    triples = [(0, 0, 1), (0, 0, 2), (3, 0, 1)]
    model = fixed(np.eye(4), [[0, 0, 0, 0]], triples, negatives=Corruptions(5))
    found = drawn(model, batch([(0, 0, 1)] * 60, seed=(3, 4)))
    assert found["heads"][:, 0].tolist() == [False, True] * 30
    np.testing.assert_array_equal(
        found["open"][::2], (found["negative"][::2] == 0) | (found["negative"][::2] == 3)
    )
    np.testing.assert_array_equal(
        found["open"][1::2], (found["negative"][1::2] == 1) | (found["negative"][1::2] == 2)
    )
    assert set(found["negative"].ravel()) == {0, 1, 2, 3}
    np.testing.assert_array_equal(found["weight"], found["open"].any(1))
    assert 0 < found["weight"].sum() < 60
    assert (
        drawn(model, batch([(0, 0, 1)] * 60, seed=(3, 5)))["negative"] != found["negative"]
    ).any()


def test_a_batch_without_an_open_candidate_teaches_nothing():
    # of two entities, all four facts are known
    every = [(h, 0, t) for h in (0, 1) for t in (0, 1)]
    for negatives in (Corruptions(3), Generator(3), Corruptions(3, hardness=1.0)):
        model = fixed([[1.0], [2.0]], [[0.5]], every, negatives=negatives)
        model.compile(optimizer=keras.optimizers.SGD(1.0))
        assert float(model.train_step(batch(every))["loss"]) == 0
        np.testing.assert_array_equal(model.entity_vectors(), [[1], [2]])


# Losses. Entities on a line, r = 0, transe: the score of (h, t) is -|h - t|.


def row_losses(model, true, false, *, heads=False, is_open=None):
    """Losses of facts (0, r, true) whose corrupted tails (or heads) lie at `false`."""
    true, false = np.array(true, np.float32), np.array(false, np.float32)
    rows = {
        "head": tf.zeros([len(true), 1]),
        "relation": tf.zeros([len(true), 1]),
        "tail": tf.constant(true[:, None]),
        "negative": tf.constant(false[..., None]),
    }
    inputs = {
        "heads": tf.fill([len(true), 1], heads),
        "open": tf.ones(false.shape, tf.bool) if is_open is None else tf.constant(is_open),
    }
    with tf.GradientTape() as tape:
        tape.watch(rows)
        losses = model.row_losses(rows, inputs)
    return losses.numpy(), tape.gradient(losses, rows)


LINE = ([[0.0], [1.0]], [[0.0]])


def test_the_logistic_loss_is_the_one_worked_by_hand():
    # margin ln 2; true at ln 2: softplus(0) = ln 2; false at ln 2 and 2 ln 2:
    # softplus(0) = ln 2 and softplus(-ln 2) = ln 1.5, half each
    model = fixed(*LINE, objective=Logistic(math.log(2)))
    found, _ = row_losses(model, [math.log(2)], [[math.log(2), 2 * math.log(2)]])
    assert found == pytest.approx([math.log(2) + math.log(3) / 2], rel=1e-6)


def test_the_margin_loss_is_the_one_worked_by_hand():
    # s = -2, s' = -1, -2.5, -9: max(0, 1 + 2 - 1) = 2, max(0, .5) = .5 and 0, a third each
    model = fixed(*LINE, objective=Margin(1.0))
    found, _ = row_losses(model, [2.0], [[1.0, 2.5, 9.0]])
    assert found == pytest.approx([2.5 / 3], rel=1e-6)


def test_an_exchanged_head_is_compared_with_the_tail():
    # the tail at 2, heads at 1 and 5: s' = -1 and -3, against s = -2 at the margin 1: 2 and 0
    model = fixed(*LINE, objective=Margin(1.0))
    found, _ = row_losses(model, [2.0], [[1.0, 5.0]], heads=True)
    assert found == pytest.approx([1.0], rel=1e-6)


def test_closed_candidates_have_no_weight():
    model = fixed(*LINE, objective=Margin(1.0))
    found, gradients = row_losses(
        model, [2.0, 2.0], [[1.0, 2.5], [1.0, 1.0]], is_open=[[False, True], [False, False]]
    )
    assert found == pytest.approx([0.5, 2.0])  # the second row's weight is 0 elsewhere
    assert gradients["negative"][0, 0, 0] == 0


def test_self_adversarial_weights_are_a_softmax_held_still():
    # hardness ln 3, s' = -1 and -2: odds 3 to 1. At margin 1 and s = -2 costs are 2 and 1:
    # 3/4 * 2 + 1/4 = 1.75. With the weights still, the gradient by s'_j is w_j: entities at
    # 1 and 2 move s' by -1 each
    model = fixed(*LINE, objective=Margin(1.0), negatives=Corruptions(hardness=math.log(3)))
    found, gradients = row_losses(model, [2.0], [[1.0, 2.0]])
    assert found == pytest.approx([1.75], rel=1e-6)
    np.testing.assert_allclose(gradients["negative"][0, :, 0], [-0.75, -0.25], rtol=1e-6)
    # a closed candidate gives its weight to the other
    found, _ = row_losses(model, [2.0], [[1.0, 2.0]], is_open=[[False, True]])
    assert found == pytest.approx([1.0], rel=1e-6)


@pytest.mark.parametrize(("score", "squares"), [(TransE(), 1 + 4 + 9), (RotatE(), 2 + 9 + 16)])
def test_l2_counts_the_vectors_of_the_fact(score, squares):
    # transe: |(1)|^2 + |(2)|^2 + |(3)|^2; rotate: |(1, 1)|^2 + |(3, 4)|^2, no angle
    rotate = score == RotatE()
    rows = {
        "head": tf.constant([[1.0, 1.0]] if rotate else [[1.0]]),
        "relation": tf.constant([[2.0]]),
        "tail": tf.constant([[3.0, 4.0]] if rotate else [[3.0]]),
        "negative": tf.ones([1, 1, 2 if rotate else 1]),
    }
    inputs = {"heads": tf.constant([[False]]), "open": tf.constant([[True]])}
    entities = np.ones([2, 2 if rotate else 1])
    losses = [
        fixed(entities, [[1.0]], score=score, l2=l2).row_losses(rows, inputs) for l2 in (0.0, 0.1)
    ]
    np.testing.assert_allclose(losses[1] - losses[0], [0.1 * squares], rtol=1e-5)


def test_the_loss_is_a_mean_under_the_weights():
    model = fixed([[0.0], [3.0]], [[0.0]], [(0, 0, 0), (1, 0, 1)], objective=Margin(), l2=1.0)
    # a corrupted fact is 3 away, the fact 0: max(0, 1 - 3) = 0. Then l2 alone, 0 and 18
    loss = model.compute_loss(batch([(0, 0, 0), (1, 0, 1)], weight=[1, 2]))
    assert float(loss) == pytest.approx(12.0)


# The generator.


def generating(candidates=8, **settings):
    """Two entities; kept * relation is 2, the candidates' logits are ln 3 and 0."""
    model = fixed(*LINE, negatives=Generator(candidates, dim=1), **settings)
    model.generator_entities.embeddings.assign([[math.log(3) / 2], [0.0]])
    model.generator_relations.embeddings.assign([[2.0]])
    return model


def test_the_generator_draws_by_the_softmax_of_its_scores():
    # kept is entity 0 (tails exchanged) in even rows: its logits are ln 3 / 2 * r * other
    model = generating(2)
    model.generator_entities.embeddings.assign([[1.0], [0.0]])
    model.generator_relations.embeddings.assign([[math.log(3)]])
    # the fact (0, r, 1) is known; of (1, r, 0) tail and head are open, kept 1 says nothing, so
    # look at heads exchanged, kept 0: the heads 0 and 1 have the chances 3/4 and 1/4
    found = drawn(model, batch([(1, 0, 0)] * 8000, seed=(3, 4)))
    np.testing.assert_array_equal(found["kept"], [1, 0] * 4000)
    both = (found["candidates"].sum(1) == 1) & (found["kept"] == 0)  # about 2,000 rows
    assert (found["negative"][both] == 0).mean() == pytest.approx(0.75, abs=0.04)
    both = (found["candidates"].sum(1) == 1) & (found["kept"] == 1) & found["open"].all(1)
    assert (found["negative"][both] == 0).mean() == pytest.approx(0.5, abs=0.04)
    np.testing.assert_array_equal(
        found["negative"], np.take_along_axis(found["candidates"], found["chosen"][:, None], 1)
    )


def test_the_generator_never_draws_a_known_fact_where_it_has_a_choice():
    model = generating(3)
    model.generator_entities.embeddings.assign([[5.0], [9.0]])
    found = drawn(model, batch([(0, 0, 1)] * 200, seed=(3, 4)))
    tails = ~found["heads"][:, 0]
    choice = (found["candidates"] == 0).any(1)
    assert (found["negative"][tails & choice] == 0).all() and (tails & choice).any()
    np.testing.assert_array_equal(found["weight"], found["open"].any(1))


def generator_gradients(false, chosen=(0, 1), is_open=((True, True), (True, True))):
    """Of two facts (0, r, 0) and their chosen corrupted tails at `false`, by the rows."""
    model = generating(objective=Margin(5.0))
    logit = math.log(3) / 2
    rows = {
        "head": tf.zeros([2, 1]),
        "relation": tf.zeros([2, 1]),
        "tail": tf.zeros([2, 1]),
        "negative": tf.constant(false, tf.float32)[:, None, None],
        "generator_kept": tf.constant([[1.0]] * 2),
        "generator_relation": tf.constant([[2.0]] * 2),
        "generator_other": tf.constant([[[logit], [0.0]]] * 2),
    }
    inputs = {
        "heads": tf.fill([2, 1], False),
        "open": tf.constant(is_open),
        "chosen": tf.constant(chosen),
    }
    with tf.GradientTape() as tape:
        tape.watch(rows)
        losses = model.row_losses(rows, inputs)
    return losses.numpy(), tape.gradient(losses, rows)


def test_the_policy_gradient_is_the_one_worked_by_hand():
    # losses 5 - 1 = 4 and 5 - 3 = 2: advantages 1 and -1. p = (3/4, 1/4). Of -A log p_chosen
    # by the logits: chosen 0: -(1/4, -1/4); chosen 1: (-3/4, 3/4). A logit is kept * relation
    # * other with kept * relation = 2; by kept it is 2 * other = (ln 3, 0), by relation half
    losses, found = generator_gradients([1.0, 3.0])
    np.testing.assert_allclose(losses, [4, 2], rtol=1e-6)
    np.testing.assert_allclose(
        found["generator_other"][..., 0], [[-1 / 2, 1 / 2], [-3 / 2, 3 / 2]], rtol=1e-5
    )
    by_kept = math.log(3) * np.array([[-1 / 4], [-3 / 4]])
    np.testing.assert_allclose(found["generator_kept"], by_kept, rtol=1e-5)
    np.testing.assert_allclose(found["generator_relation"], by_kept / 2, rtol=1e-5)
    # so that a step against it raises p of the choice that cost the model more; the model's
    # own rows feel its loss alone: d(5 - |other|) = -1
    np.testing.assert_allclose(found["negative"][:, 0, 0], [-1, -1])


def test_equal_losses_give_the_generator_no_gradient():
    _, found = generator_gradients([2.0, 2.0])
    for name in ("generator_kept", "generator_relation", "generator_other"):
        np.testing.assert_array_equal(found[name], np.zeros_like(found[name]))


def test_a_closed_candidate_is_no_part_of_the_generators_policy():
    _, found = generator_gradients([1.0, 3.0], is_open=((True, False), (False, True)))
    np.testing.assert_allclose(found["generator_other"], np.zeros([2, 2, 1]), atol=1e-7)


# Training.

RING = graph_of([(i, r, (i + step) % 12) for i in range(12) for r, step in ((0, 1), (1, 3))], 12, 2)
MODELS = {
    "transe": {},
    "transe_2_unit": {
        "score": TransE(norm=2, unit_entities=True),
        "objective": Margin(),
        "l2": 0.01,
    },
    "distmult_self_adversarial": {
        "score": DistMult(),
        "objective": Logistic(0.0),
        "negatives": Corruptions(3, hardness=0.5),
    },
    "rotate_generator": {"score": RotatE(), "negatives": Generator(3, dim=2)},
}


def ring_model(optimizer, seed=1, **settings):
    model = KnowledgeEmbedding(
        RING,
        **{"dim": 4, "seed": seed, "initial_scale": 0.5, "negatives": Corruptions(3), **settings},
    )
    model.compile(optimizer=optimizer)
    return model


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(settings, id=name, marks=() if name in list(MODELS)[:2] else pytest.mark.slow)
        for name, settings in MODELS.items()
    ],
)
def test_a_block_of_steps_is_the_ordinary_steps_one_after_another(settings):
    stepwise, blockwise = (ring_model(LazyAdam(0.05), **settings) for _ in range(2))
    before = blockwise.entity_vectors()
    made = batches.in_blocks(batches.of_triples(RING, batch_size=8, seed=2), steps=3)
    block = next(iter(made.dataset(0)))
    for step in range(3):
        logs = stepwise.train_step({name: column[step] for name, column in block.items()})
    assert float(blockwise.train_step(block)["loss"]) == pytest.approx(
        float(logs["loss"]), rel=1e-5
    )
    assert blockwise.optimizer.iterations.numpy() == 3
    for one, other in zip(stepwise.trainable_variables, blockwise.trainable_variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
        for a, b in zip(
            rule_of(stepwise.optimizer).slots(one),
            rule_of(blockwise.optimizer).slots(other),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert np.abs(blockwise.entity_vectors() - before).max() > 0.02


def chains():
    """Training and held-out facts: 20 heads, whose four tails follow from the head mod 5."""
    rows = [(h, r, 20 + 4 * (h % 5) + r) for h in range(20) for r in range(4)]
    graph = graph_of(rows, 40, 4)
    held = np.zeros(80, bool)
    held[[4 * h + h % 4 for h in range(0, 20, 2)]] = True
    return graph.select(~held), graph.select(held)


LEARNED = {
    "transe": {"objective": Logistic(2.0)},
    "transe_generator": {"objective": Logistic(2.0), "negatives": Generator()},
    "distmult": {"score": DistMult(), "objective": Logistic(0.0), "l2": 0.003},
    "rotate_self_adversarial": {
        "score": RotatE(),
        "objective": Logistic(3.0),
        "negatives": Corruptions(hardness=1.0),
    },
}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(settings, id=name, marks=() if name == "transe" else pytest.mark.slow)
        for name, settings in LEARNED.items()
    ],
)
def test_facts_that_follow_from_the_others_are_learned(settings):
    # random ranks among 40 have an mrr of H(40) / 40 = .11
    train, test = chains()
    model = KnowledgeEmbedding(train, dim=16, seed=0, **settings)
    model.compile(optimizer=LazyAdam(0.03))
    evaluator = LinkPredictionEvaluator(train, test)
    before = evaluator.evaluate(model).metrics["tail_mrr"]
    made = batches.in_blocks(batches.of_triples(train, batch_size=14, seed=0))
    history = model.fit(
        made.dataset(0), steps_per_epoch=made.steps_per_epoch, epochs=60, verbose=0
    ).history["loss"]
    after = evaluator.evaluate(model).metrics["tail_mrr"]
    assert before < 0.4 and after > 0.7
    assert history[-1] < history[0]


def test_weights_survive_a_reload_and_repeat_for_a_seed(tmp_path):
    model, other = ring_model(LazyAdam(0.05), seed=1), ring_model(LazyAdam(0.05), seed=2)
    same = ring_model(LazyAdam(0.05), seed=1)
    np.testing.assert_array_equal(model.entity_vectors(), same.entity_vectors())
    assert (model.entity_vectors() != other.entity_vectors()).any()
    model.save_weights(tmp_path / "weights")
    other.load_weights(tmp_path / "weights").expect_partial()
    head = tf.constant([0, 1])
    np.testing.assert_array_equal(other.score_tails(head, head), model.score_tails(head, head))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("dim", lambda: KnowledgeEmbedding(RING, dim=0)),
        ("dim", lambda: KnowledgeEmbedding(RING, dim=3, score=RotatE())),
        ("l2", lambda: KnowledgeEmbedding(RING, l2=float("nan"))),
        ("candidates", lambda: Corruptions(0)),
        ("hardness", lambda: Corruptions(hardness=-1.0)),
        ("margin", lambda: Logistic(-1.0)),
        ("margin", lambda: Margin(0.0)),
    ],
)
def test_settings_out_of_range_are_refused(name, make):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make()


def test_a_graph_without_triples_is_refused():
    with pytest.raises(ValueError, match="`graph` should hold a triple"):
        KnowledgeEmbedding(graph_of([], 3))
