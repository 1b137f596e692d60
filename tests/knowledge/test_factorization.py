import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.knowledge.embeddings import Corruptions, KnowledgeEmbedding, Logistic, Margin
from advrec_tf.knowledge.factorization import KnowledgeFactorization
from advrec_tf.knowledge.scores import DistMult, TransE
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.negatives import Generator
from advrec_tf.models.objectives import BPR, SampledSoftmax
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.optimizers import LazyAdam
from tests.worlds import interactions_of


def graph_of(triples, num_items):
    graph = KnowledgeGraph.from_triples(triples, items=Vocabulary(np.arange(num_items)))
    return graph.with_items_first()


DATA = interactions_of([(u, (2 * u + s) % 9) for u in range(7) for s in (0, 1, 3)], 7, 9)
GRAPH = graph_of([(i, "group", f"g{i % 3}") for i in range(8)], 9)


def joined(optimizer, *, embedding=None, **settings):
    knowledge = KnowledgeEmbedding(
        GRAPH,
        **{"dim": 4, "negatives": Corruptions(3), "initial_scale": 0.5, **(embedding or {})},
    )
    model = KnowledgeFactorization(DATA, knowledge, initial_scale=0.5, **settings)
    model.compile(optimizer=optimizer)
    return model


def block_of(steps):
    made = batches.in_blocks(batches.of_pairs(DATA, batch_size=8, seed=2), steps=steps)
    return next(iter(made.dataset(0)))


SETTINGS = {
    "plain": {},
    "generators": {
        "objective": BPR(Generator(3)),
        "embedding": {"negatives": Generator(3, dim=3)},
    },
    "softmax": {
        "objective": SampledSoftmax(candidates=4),
        "embedding": {"score": DistMult()},
    },
}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(settings, id=name, marks=() if name == "plain" else pytest.mark.slow)
        for name, settings in SETTINGS.items()
    ],
)
def test_a_block_of_steps_is_the_ordinary_steps_one_after_another(settings):
    stepwise, blockwise = (joined(LazyAdam(0.05), weight=0.5, **settings) for _ in range(2))
    tables = {layer.embeddings.ref() for layer in blockwise.embedding_tables().values()}
    assert tables == {variable.ref() for variable in blockwise.trainable_variables}
    before = [v.numpy() for v in blockwise.trainable_variables]
    block = block_of(3)
    for step in range(3):
        stepwise.train_step({name: column[step] for name, column in block.items()})
    blockwise.train_step(block)
    for old, one, other in zip(
        before, stepwise.trainable_variables, blockwise.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
        assert np.abs(other - old).max() > 0.02  # every table is trained


def test_the_loss_is_that_of_the_positive_and_the_weight_times_that_of_the_fact():
    # one user (1), one item (0): -log sigmoid(0) = ln 2. One fact (0, r, a) with a at 3, r = 0:
    # score -3; open are (0, r, 0), or with the head exchanged (a, r, a), both with score 0:
    # max(0, 1 + 3 + 0) = 4
    graph = graph_of([(0, "r", "a")], 1)
    knowledge = KnowledgeEmbedding(graph, dim=1, objective=Margin(1.0), negatives=Corruptions(20))
    knowledge.entity_embedding.embeddings.assign([[0.0], [3.0]])
    knowledge.relation_embedding.embeddings.assign([[0.0]])
    model = KnowledgeFactorization(interactions_of([(0, 0)], 1, 1), knowledge, weight=0.25)
    inputs = {
        "user_index": tf.constant([0, 0]),
        "item_index": tf.constant([0, 0]),
        "weight": tf.ones(2),
        "seed": tf.constant([1, 2]),
    }
    assert float(model.compute_loss(inputs)) == pytest.approx(math.log(2) + 1.0, rel=1e-6)


def test_without_weight_it_is_the_factorization():
    model = joined(keras.optimizers.SGD(0.3), weight=0.0)
    plain = MatrixFactorization(DATA, dim=4, initial_scale=0.5)
    plain.compile(optimizer=keras.optimizers.SGD(0.3))
    plain.item_embedding.embeddings.assign(model.item_vectors())
    relations = model.knowledge.relation_vectors()
    for made in (model, plain):
        made.train_step(block_of(3))
    np.testing.assert_allclose(model.item_vectors(), plain.item_vectors(), rtol=1e-5)
    np.testing.assert_allclose(model.score(tf.range(7)), plain.score(tf.range(7)), rtol=1e-4)
    np.testing.assert_array_equal(model.knowledge.relation_vectors(), relations)


@pytest.mark.parametrize("cosine", [False, True])
def test_scores_are_those_of_the_items_alone(cosine):
    model = joined(LazyAdam(0.05), objective=SampledSoftmax(cosine=cosine))
    assert model.score(tf.range(7)).shape == (7, 9) and GRAPH.num_entities == 12
    np.testing.assert_allclose(
        model.score(tf.range(7)), model.user_vectors() @ model.item_vectors().T, atol=1e-5
    )
    if not cosine:
        np.testing.assert_array_equal(model.item_vectors(), model.knowledge.entity_vectors()[:9])


def test_an_item_without_rows_is_found_by_its_facts():
    # users of even number like the items of group a, the others those of b; items 8 (a) and 9
    # (b) have no row. A user's seen items left out, 8 should be above 9 for the even ones
    data = interactions_of([(u, 2 * i + u % 2) for u in range(10) for i in range(4)], 10, 10)
    facts = [(i, r, f"{r}{i % 2}") for i in range(10) for r in ("group", "maker", "land")]
    model = KnowledgeFactorization(
        data,
        KnowledgeEmbedding(
            graph_of(facts, 10), dim=8, objective=Logistic(2.0), score=TransE(norm=2)
        ),
        weight=1.0,
    )
    model.compile(optimizer=LazyAdam(0.03))
    made = batches.in_blocks(batches.of_pairs(data, batch_size=20, seed=0))
    history = model.fit(
        made.dataset(0), steps_per_epoch=made.steps_per_epoch, epochs=100, verbose=0
    ).history["loss"]
    scores = model.score(tf.range(10)).numpy()
    even = np.arange(10) % 2 == 0
    assert ((scores[:, 8] > scores[:, 9]) == even).all()
    assert 0 < history[-1] < history[0]


def test_an_adversary_perturbs_the_rows_of_both():
    model = joined(LazyAdam(0.05), weight=0.5)
    adversarial = AdversarialTraining(model, fgsm(0.1, relative=False), fraction=1.0)
    adversarial.compile(optimizer=LazyAdam(0.05))
    logs = adversarial.train_step(block_of(2))
    assert float(logs["adversarial_loss"]) > float(logs["clean_loss"]) + 0.05
    assert set(model.attackable) == {
        "user",
        "positive",
        "negative",
        "knowledge_head",
        "knowledge_relation",
        "knowledge_tail",
        "knowledge_negative",
    }


def test_bad_arguments_are_refused():
    knowledge = KnowledgeEmbedding(GRAPH, dim=4)
    with pytest.raises(ValueError, match="`weight` should be >= 0. Received: -1"):
        KnowledgeFactorization(DATA, knowledge, weight=-1)
    with pytest.raises(ValueError, match="`dim` should be left out"):
        KnowledgeFactorization(DATA, knowledge, dim=8)
    loose = KnowledgeGraph.from_triples([("a", "r", 0)], items=DATA.items)
    with pytest.raises(ValueError, match="`knowledge` should be on a graph whose first 9"):
        KnowledgeFactorization(DATA, KnowledgeEmbedding(loose, dim=4))
