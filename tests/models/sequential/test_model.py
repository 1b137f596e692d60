import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.models.blend import HistoryBlend
from advrec_tf.models.sequential import encoders, published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.batch_parts import first_fraction
from tests.worlds import interactions_of_histories

SIZE = EncoderSize(length=4, dim=8, blocks=1, heads=2, dropout=0.0)


def model_of(data, **settings):
    encoder = encoders.attention_encoder(SIZE)
    return SequenceModel(encoder, data, **{"length": 4, **settings})


def test_the_loss_is_the_mean_over_what_comes_after_each_item():
    data = interactions_of_histories([1, 2, 3], [4, 5])
    model = model_of(data)
    batch = next(iter(of_windows(training_windows(data, 4), batch_size=2, seed=0).dataset(0)))
    states = np.concatenate([model.states(tf.constant([read]))[0] for read in ([1, 2], [4])])
    by_hand = []
    for state, target in zip(states, (2, 3, 5), strict=True):
        logits = model.candidate_rows(None).numpy() @ state
        by_hand.append(np.log(np.exp(logits).sum()) - logits[target])
    assert float(model.compute_loss(batch)) == pytest.approx(np.mean(by_hand), rel=1e-4)


def test_trained_on_the_last_alone_the_loss_is_that_of_the_last():
    data = interactions_of_histories([1, 2, 3])
    model = model_of(data, training="last")
    batch = next(iter(of_windows(training_windows(data, 4), batch_size=1, seed=0).dataset(0)))
    logits = model.score_history(tf.constant([[1, 2]]))[0].numpy()
    by_hand = np.log(np.exp(logits).sum()) - logits[3]
    assert float(model.compute_loss(batch)) == pytest.approx(by_hand, rel=1e-4)


def test_hidden_items_are_those_that_are_found():
    data = interactions_of_histories(*[[1, 2, 3, 4]] * 200)
    model = model_of(data, training="masked", masked_fraction=0.25)
    history = tf.constant([[NONE, 1, 2, 3]] * 4000)
    read, targets = (t.numpy() for t in model._hidden(history, tf.constant([1, 2])))
    hidden = targets != NONE
    assert (read[hidden] == 10).all() and (read[~hidden] == history.numpy()[~hidden]).all()
    # A quarter of those before the last; of the last 1/4 + 1/2 - 1/8.
    assert hidden.mean(0) == pytest.approx([0, 0.25, 0.25, 0.625], abs=0.03)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": 0}, "`length` should be >= 1"),
        ({"length": 1, "training": "masked"}, "`length` should be >= 2"),
        ({"training": "all"}, "`training` should be one of"),
        ({"masked_fraction": 0.0}, "`masked_fraction` should lie in"),
        ({"objective": None}, "`objective` should be a FullSoftmax"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        model_of(interactions_of_histories([1, 2]), **settings)


def test_items_before_more_targets_move_less():
    """Of three items the first is read before three targets, the last before one: power 1 leaves
    a third, a half and all of the radius; padding has no items after it to count twice."""
    model = model_of(interactions_of_histories([1, 2, 3])).use_cascade_weights(1.0)
    scale = model.item_rows.radius_scale(tf.constant([[NONE, 1, 2, 3], [NONE, NONE, NONE, 4]]))
    np.testing.assert_allclose(scale[0, 1:, 0], [1 / 3, 1 / 2, 1])
    assert float(scale[1, 3, 0]) == 1.0
    assert model.use_cascade_weights(0.0).item_rows.radius_scale(tf.constant([[1]])) is None


def test_cascade_weights_are_refused_where_no_item_influences_more_than_another():
    model = model_of(interactions_of_histories([1, 2, 3]), training="last")
    with pytest.raises(ValueError, match="Cascade weights should be used where"):
        model.use_cascade_weights()
    with pytest.raises(ValueError, match="`power` should be >= 0"):
        model.use_cascade_weights(-1.0)


def perturbed(model, batch, **settings):
    """What each layer returned in the clean pass, and the deltas of the worst case found."""
    term = AdversarialTraining(
        model,
        fgsm(0.5, relative=False, **settings),
        layers=["item_rows", "positions"],
        fraction=0.5,
    )

    def evaluate(deltas=None, **_):
        return term._evaluate(batch, deltas, attacked=True, parameters=False)

    start = evaluate()
    return start, term.term.worst_case(evaluate, start, tf.constant([0, 1]))


@pytest.mark.parametrize("direction", ["gradient", "random"])
def test_padding_does_not_move_and_radii_follow_the_cascade(direction):
    data = interactions_of_histories([1, 2, 3, 4], [5, 6])
    model = model_of(data).use_cascade_weights(1.0)
    batch = next(iter(of_windows(training_windows(data, 4), batch_size=2, seed=0).dataset(0)))
    there = batch["history"].numpy()[:, :-1] != NONE
    _, deltas = perturbed(model, batch, direction=direction)
    norms = [np.linalg.norm(delta, axis=-1) for delta in deltas]
    later = np.maximum(np.cumsum(there[:, ::-1], 1)[:, ::-1], 1)
    np.testing.assert_allclose(norms[0], np.where(there, 0.5 / later, 0), atol=1e-4)
    np.testing.assert_allclose(norms[1], np.where(there, 0.5, 0), atol=1e-4)


def test_of_a_fraction_the_other_histories_do_not_count():
    data = interactions_of_histories([1, 2, 3, 4], [5, 6, 7, 8])
    model = model_of(data)
    batch = next(iter(of_windows(training_windows(data, 4), batch_size=2, seed=0).dataset(0)))
    half = first_fraction(batch, 0.5, by_weight=True)
    assert half["weight"].numpy().tolist() == [1.0, 0.0]
    first = {**batch, "history": batch["history"][:1]}
    first |= {"user_index": batch["user_index"][:1], "weight": tf.ones(1)}
    np.testing.assert_allclose(model.compute_loss(half), model.compute_loss(first), rtol=1e-5)
    start, deltas = perturbed(model, half)
    assert np.abs(deltas[0][0]).max() > 0 and np.abs(start.value_gradients[0][1]).max() == 0


def test_vectors_of_items_may_be_given():
    data = interactions_of_histories([1, 2, 3])
    given = np.arange(80.0).reshape(10, 8)
    model = model_of(data, item_vectors=given)
    np.testing.assert_array_equal(model.item_vectors(), given)
    assert np.abs(model.item_rows.embeddings.numpy()[10]).max() < 0.1  # that of a hidden item
    with pytest.raises(ValueError, match=r"`item_vectors` should hold .* shape \(10, 8\)"):
        model_of(data, item_vectors=given[:9])
    with pytest.raises(ValueError, match="1 of them not finite"):
        model_of(data, item_vectors=np.where(given == 5, np.nan, given))


def test_an_encoder_reads_vectors_on_the_scale_of_what_its_blocks_add():
    """A vector of length 1 and a block that adds nothing: the layer norm at the end sees sqrt(dim)
    times the vector and the place of 0.02, so the place turns it little."""
    rows = np.eye(10, 8)
    model = model_of(interactions_of_histories([1, 2, 3]), item_vectors=rows)
    for weight in model.encoder.trainable_weights:
        if "outer" in weight.name or "attention" in weight.name:
            weight.assign(tf.zeros_like(weight))
    state = model.states(tf.constant([[3]]))[0, 0].numpy()
    centered = rows[3] - rows[3].mean()
    cosine = state @ centered / np.linalg.norm(state) / np.linalg.norm(centered)
    assert cosine > 0.999


def test_an_item_counts_the_same_whatever_the_length_of_its_batch():
    """Windows of at most four items that are read: of two, one, four and two targets, 2.25 a
    window. So the one target of the short history is divided by 2.25, though it stands alone."""
    data = interactions_of_histories([1, 2, 3], [4, 5], [1, 2, 3, 4, 5, 6, 7])
    model = model_of(data)
    short = {
        "history": tf.constant([[4, 5]]),
        "user_index": tf.constant([1]),
        "weight": tf.ones(1),
        "seed": tf.zeros(2, tf.int32),
    }
    logits = model.score_history(tf.constant([[4]]))[0].numpy()
    by_hand = np.log(np.exp(logits).sum()) - logits[5]
    assert float(model.compute_loss(short)) == pytest.approx(by_hand / 2.25, rel=1e-4)


def test_a_history_of_indices_that_no_item_has_is_refused():
    data = interactions_of_histories([0, 1], [2], num_items=3)
    model = published.sasrec(data, size=EncoderSize(length=4, dim=8, blocks=1, heads=2))
    blend = HistoryBlend([model, Transitions().fit(data)])
    for asked in (model, blend):
        with pytest.raises(ValueError, match=r"`history` should hold item indices in 0\.\.2"):
            asked.score_history(tf.constant([[0, 3]]))
