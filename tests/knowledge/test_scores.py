import pytest
import tensorflow as tf

from advrec_tf.knowledge.scores import DistMult, RotatE, TransE


@pytest.mark.parametrize("score", [TransE(), TransE(norm=2), DistMult(), RotatE()])
@pytest.mark.parametrize("heads", [False, True])
def test_all_entities_at_once_get_the_scores_of_each_alone(score, heads):
    known, entities = (
        tf.random.stateless_normal([3, 4], [1, 2]),
        tf.random.stateless_normal([5, 4], [1, 3]),
    )
    relation = tf.random.stateless_normal([3, 2 if score == RotatE() else 4], [1, 4])
    question = score.question(known, relation, heads=heads)
    at_once = score.against_all(question, entities)
    for i in range(5):
        alone = score.compare(question, entities[i : i + 1])
        assert at_once[:, i].numpy() == pytest.approx(alone.numpy(), rel=1e-5)


def test_the_gradient_of_a_distance_of_zero_is_zero():
    for score in (TransE(norm=2), RotatE()):
        point = tf.ones([1, 4])
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = score.compare(point, tf.ones([1, 4]))
        assert (tape.gradient(value, point).numpy() == 0).all()


def test_a_norm_other_than_one_and_two_is_refused():
    with pytest.raises(ValueError, match="`norm` should be 1 or 2. Received: 3"):
        TransE(norm=3)
