import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

import advrec_tf as ar
from advrec_tf.models.factorization.distilled import DistilledFactorization
from advrec_tf.training.defaults import default_batches
from advrec_tf.training.wrapper import ModelWrapper
from tests.worlds import block_world

DATA = block_world(12, 8, 3, seed=0)
BUDGET = ar.fgsm(0.1)


def quiet(line):
    pass


def factorization():
    return ar.models.MatrixFactorization(DATA, dim=2)


def distilled():
    return DistilledFactorization(DATA, np.tile(np.arange(4), (12, 1)), dim=2, drawn=2)


WRAPPED = {
    "plain": (lambda model: model, True),
    "adversarial": (lambda model: ar.AdversarialTraining(model, BUDGET), True),
    "of layers": (
        lambda model: ar.AdversarialTraining(model, BUDGET, layers=["item_embedding"]),
        False,
    ),
    "of a wrapper": (lambda model: ar.AdversarialTraining(ModelWrapper(model), BUDGET), False),
    "wrapper": (ModelWrapper, False),
    "around the adversary": (
        lambda model: ModelWrapper(ar.AdversarialTraining(model, BUDGET)),
        False,
    ),
    "FreeLB": (lambda model: ar.training.FreeLB(model, ar.pgd(0.1, steps=2)), False),
    "virtual": (
        lambda model: ar.training.VirtualAdversarialTraining(
            model,
            BUDGET,
            tower=lambda index, training: model.item_embedding(index),
            layers=["item_embedding"],
            items=[0, 1],
            batch_size=2,
        ),
        False,
    ),
    "substitutions": (
        lambda model: ar.training.RandomSubstitutions(model, layer="item_embedding", num_items=8),
        False,
    ),
    "mixtures": (
        lambda model: ar.training.NeighborMixtures(
            model, np.tile(np.arange(8)[:, None], 2), layer="item_embedding"
        ),
        False,
    ),
}


@pytest.mark.parametrize("build", [factorization, distilled])
@pytest.mark.parametrize("kind", WRAPPED)
def test_blocks_of_steps_are_for_those_that_take_them(kind, build):
    wrap, in_blocks = WRAPPED[kind]
    model = wrap(build())
    made = default_batches(model, DATA, batch_size=5, seed=0)
    batch = next(iter(made.dataset(0)))
    assert batch["weight"].shape.rank == 1 + in_blocks
    if in_blocks:
        return  # `test_adversarial` and `test_attacked_rows` train them
    model.compile(optimizer=ar.training.LazyAdam(0.1), run_eagerly=True)
    history = model.fit(tf.data.Dataset.from_tensors(batch), verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_fit_trains_a_factorization_inside_a_wrapper_that_takes_no_blocks():
    model = ar.training.FreeLB(factorization(), ar.pgd(0.1, steps=2))
    report = ar.fit(model, DATA, epochs=1, log=quiet)
    assert np.isfinite(report.history["last_loss"]).all()


def test_a_block_is_refused_with_what_to_give_where_it_is_not_taken():
    block = next(iter(default_batches(factorization(), DATA, batch_size=5, seed=0).dataset(0)))
    message = "A batch should be a single one.*train on `batches.of_pairs`. .* `seed` \\([0-9]+, 2"
    with pytest.raises(ValueError, match=message):
        factorization().compute_loss(block)
    model = ar.training.FreeLB(factorization(), BUDGET)
    model.compile(optimizer="sgd")
    tower = ar.models.two_tower(DATA, embedding_dim=2)
    tower.compile(optimizer="sgd")
    for one in (model, tower):
        with pytest.raises(ValueError, match=message):
            one.fit(tf.data.Dataset.from_tensors(block), verbose=0)
    with pytest.raises(ValueError, match="`strata` should be 1 unless .* 2 and a FreeLB"):
        ar.fit(model, DATA, strata=2)


def test_an_optimizer_beside_that_of_a_compiled_model_is_refused():
    model = factorization()
    model.compile(optimizer=ar.training.LazyAdam(0.1))
    message = "`optimizer` should be left out .* a LazyAdam. .* Received: another, a Adagrad"
    with pytest.raises(ValueError, match=message):
        ar.fit(model, DATA, epochs=1, optimizer=keras.optimizers.Adagrad(0.1), log=quiet)
    assert ar.fit(model, DATA, epochs=1, optimizer=model.optimizer, log=quiet).epochs == 1


def test_arguments_that_are_none_are_refused_for_every_model():
    for model in (ar.models.Popularity(), factorization()):
        with pytest.raises(TypeError, match="Received: epoch=3, nonsense=1"):
            ar.fit(model, DATA, epoch=3, nonsense=1)
    assert getattr(model, "optimizer", None) is None  # nothing was begun


def test_what_needs_steps_is_refused_for_a_model_in_closed_form():
    model = ar.models.Popularity()
    message = "`callbacks`, `optimizer`, `strata` should be left out for a Popularity.*strata=None"
    with pytest.raises(ValueError, match=message):
        ar.fit(model, DATA, callbacks=[], optimizer=ar.training.LazyAdam(), strata=None)
    # A list of models is fitted by one call.
    assert ar.fit(model, DATA, epochs=3, patience=2, batch_size=10, seed=4, log=quiet) is None


def test_what_is_no_split_is_refused_with_how_to_make_one():
    loaded = ar.data.load("synthetic", num_users=40, num_items=30)
    for model in (factorization(), ar.models.Popularity()):
        with pytest.raises(ValueError, match=r"`\.split|`ar.data.load.*\.split.*a Loaded"):
            ar.fit(model, loaded)
