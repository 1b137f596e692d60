import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.gan.profiles import build_profile_gan
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.negatives import DNS
from advrec_tf.models.objectives import BPR
from advrec_tf.models.retrieval import two_tower
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.optimizers import LazyAdam


def rows(pairs):
    index = np.array(pairs, np.int32).reshape(-1, 2)
    return Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(np.arange(6)),
        items=Vocabulary(np.arange(8)),
    )


TRAIN = rows([(u, (u + s) % 8) for u in range(6) for s in (0, 1, 2)])
VALIDATION = rows([(u, (u + 3) % 8) for u in range(6)])


def evaluator():
    return RankingEvaluator(TRAIN, VALIDATION, ks=(10,))


def small_tower():
    model = two_tower(TRAIN, embedding_dim=3, seed=1)
    model.compile(optimizer=LazyAdam(0.05))
    generated = AugmentedInteractions(
        real=TRAIN,
        user_index=np.arange(5, dtype=np.int32),
        item_index=np.arange(5, dtype=np.int32) + 3,
        fraction=0.25,
    )
    return model, batches.of_pairs(generated, batch_size=8, seed=2)


def adversarial():
    model = AdversarialTraining(
        MatrixFactorization(TRAIN, dim=3, seed=1),
        fgsm(0.1, direction="random", relative=False),
        fraction=0.5,
    )
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    return model, batches.of_pairs(TRAIN, batch_size=8, seed=2)


def profile_gan():
    model = build_profile_gan(TRAIN, generator_hidden=(4,), discriminator_hidden=(3,), seed=1)
    model.compile(d_optimizer=keras.optimizers.Adam(0.01), g_optimizer=keras.optimizers.Adam(0.05))
    return model, batches.of_users(np.arange(6), batch_size=4, seed=2)


def blocks():
    """In blocks of 2 steps where an epoch is 3, so that one reaches into the next."""
    model = AdversarialTraining(
        MatrixFactorization(TRAIN, dim=3, seed=1, objective=BPR(DNS(2))),
        fgsm(0.1, relative=False),
        fraction=0.5,
    )
    model.compile(optimizer=LazyAdam(0.05))
    return model, batches.in_blocks(batches.of_pairs(TRAIN, batch_size=8, seed=2), steps=2)


@pytest.mark.parametrize(
    "build", [small_tower, adversarial, profile_gan, pytest.param(blocks, marks=pytest.mark.slow)]
)
def test_a_fit_that_was_stopped_goes_on_bit_for_bit(build, tmp_path, request):
    if build is not adversarial:  # which stays compiled, as in use
        request.getfixturevalue("eagerly")

    def fit(epochs, checkpoint=None):
        model, made = build()
        report = fit_ranked(
            model, made, epochs=epochs, evaluator=evaluator(), patience=9, checkpoint=checkpoint
        )
        return model, report

    unbroken, whole = fit(4)
    fit(2, tmp_path / "c.npz")
    resumed, rest = fit(4, tmp_path / "c.npz")
    assert whole.history == rest.history and len(rest.history["val_ndcg@10"]) == 4
    assert (whole.epochs, whole.best_epoch, whole.best) == (
        rest.epochs,
        rest.best_epoch,
        rest.best,
    )
    for one, other in zip(unbroken.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("optimizer", "d_optimizer", "g_optimizer"):
        both = [getattr(model, name, None) for model in (unbroken, resumed)]
        if both[0] is not None:
            for one, other in zip(*(optimizer.variables for optimizer in both), strict=True):
                np.testing.assert_array_equal(one, other)
    assert len(set(rest.history["val_ndcg@10"])) > 1  # so that something was learnt to compare


class Scripted:
    """An evaluator whose metric follows a list; it keeps the weights that it saw."""

    def __init__(self, *values):
        self.values, self.seen = list(values), []

    def evaluate(self, model):
        self.seen.append(model.get_weights())
        return type("Result", (), {"metrics": {"ndcg@10": self.values.pop(0)}})


def factorization(dim=3):
    model = MatrixFactorization(TRAIN, dim=dim, seed=1)
    model.compile(optimizer=keras.optimizers.Adam(0.05), run_eagerly=True)
    return model


MADE = batches.of_pairs(TRAIN, batch_size=9, seed=2)


def test_early_stop_gives_back_the_weights_of_the_best_epoch():
    judge, model = Scripted(0.1, 0.3, 0.2, 0.2, 0.9), factorization()
    report = fit_ranked(model, MADE, epochs=5, evaluator=judge, patience=2)
    assert (report.epochs, report.best_epoch, report.best) == (4, 2, 0.3)
    assert report.history["val_ndcg@10"] == [0.1, 0.3, 0.2, 0.2]
    for now, best in zip(model.get_weights(), judge.seen[1], strict=True):
        np.testing.assert_array_equal(now, best)
    assert (model.get_weights()[0] != judge.seen[3][0]).any()


def test_a_fit_that_had_stopped_early_is_not_taken_up_again(tmp_path):
    judge = Scripted(0.3, 0.2, 0.2)
    first = factorization()
    fit_ranked(first, MADE, epochs=9, evaluator=judge, patience=2, checkpoint=tmp_path / "c.npz")
    again = factorization()
    silent = Scripted()  # it would raise if it were asked
    report = fit_ranked(
        again, MADE, epochs=9, evaluator=silent, patience=2, checkpoint=tmp_path / "c.npz"
    )
    assert (report.epochs, report.best_epoch, report.best) == (3, 1, 0.3)
    assert report.history["val_ndcg@10"] == [0.3, 0.2, 0.2]
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_patience_goes_on_where_a_stopped_fit_left_it(tmp_path):
    path = tmp_path / "c.npz"
    fit_ranked(
        factorization(), MADE, epochs=2, evaluator=Scripted(0.3, 0.2), patience=2, checkpoint=path
    )
    judge = Scripted(0.2, 0.9)
    report = fit_ranked(
        factorization(), MADE, epochs=9, evaluator=judge, patience=2, checkpoint=path
    )
    assert (report.epochs, report.best_epoch) == (3, 1)


def test_a_finished_fit_is_not_trained_further(tmp_path):
    path, lines = tmp_path / "c.npz", []
    first = factorization()
    fit_ranked(first, MADE, epochs=2, checkpoint=path)
    again = factorization()
    report = fit_ranked(again, MADE, epochs=2, checkpoint=path, label="mf", log=lines.append)
    assert report.epochs == 2 and len(report.history["loss"]) == 2
    np.testing.assert_array_equal(again.get_weights()[0], first.get_weights()[0])
    assert len(lines) == 1 and "mf" in lines[0] and "continues after epoch 2" in lines[0]


def test_without_validation_the_last_epoch_counts():
    model, lines = factorization(), []
    report = fit_ranked(model, MADE, epochs=2, label="mf", log=lines.append)
    assert (report.epochs, report.best_epoch, report.best) == (2, 2, None)
    assert len(report.history["loss"]) == len(lines) == 2 and report.seconds > 0


def test_an_epoch_is_every_row_once():
    seen = []

    class Noted(MatrixFactorization):
        def compute_loss(self, inputs, training=False):
            seen.append(inputs["item_index"].numpy())
            return super().compute_loss(inputs, training)

    model = Noted(TRAIN, dim=2)
    model.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=True)
    fit_ranked(model, MADE, epochs=2)
    assert len(seen) == 4
    for epoch in (seen[:2], seen[2:]):
        assert sorted(np.concatenate(epoch)) == sorted(TRAIN.item_index)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    fit_ranked(factorization(dim=3), MADE, epochs=1, checkpoint=tmp_path / "c.npz")
    with pytest.raises(ValueError, match="belongs to other settings"):
        fit_ranked(factorization(dim=4), MADE, epochs=2, checkpoint=tmp_path / "c.npz")


def test_a_partial_file_left_behind_changes_nothing(tmp_path):
    path = tmp_path / "c.npz"
    fit_ranked(factorization(), MADE, epochs=1, checkpoint=path)
    path.with_suffix(".partial").write_bytes(b"half a fi")
    resumed = factorization()
    fit_ranked(resumed, MADE, epochs=2, checkpoint=path)
    unbroken = factorization()
    fit_ranked(unbroken, MADE, epochs=2)
    np.testing.assert_array_equal(resumed.get_weights()[0], unbroken.get_weights()[0])


def test_a_loss_that_is_not_finite_stops_the_fit():
    model = factorization()
    model.item_embedding.embeddings.assign(tf.fill([8, 3], np.nan))
    with pytest.raises(FloatingPointError, match="`loss` became nan by step 1 of epoch 1"):
        fit_ranked(model, MADE, epochs=2)


def test_further_callbacks_see_the_metrics_of_the_validation():
    seen = []
    further = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(dict(logs))
    )
    fit_ranked(factorization(), MADE, epochs=1, evaluator=Scripted(0.25), callbacks=[further])
    assert seen[0]["val_ndcg@10"] == 0.25


def test_no_epoch_is_refused():
    with pytest.raises(ValueError, match="`epochs` should be >= 1. Received: 0"):
        fit_ranked(factorization(), MADE, epochs=0)


def test_a_checkpoint_of_a_fit_without_validation_is_not_taken_for_one_with_it(tmp_path, eagerly):
    model, data = adversarial()
    fit_ranked(model, data, epochs=1, checkpoint=tmp_path / "fit.npz")
    model, data = adversarial()
    with pytest.raises(ValueError, match="fit without validation"):
        fit_ranked(model, data, epochs=2, checkpoint=tmp_path / "fit.npz", evaluator=evaluator())


def test_a_fit_stopped_before_its_first_validation_goes_on_to_it(tmp_path, eagerly):
    model, data = adversarial()
    path = tmp_path / "fit.npz"
    first = fit_ranked(model, data, epochs=1, checkpoint=path, evaluator=evaluator(), every=2)
    assert first.best is None
    model, data = adversarial()
    again = fit_ranked(model, data, epochs=2, checkpoint=path, evaluator=evaluator(), every=2)
    assert again.best_epoch == 2
    assert 0 <= again.best <= 1


def test_a_collapsed_or_diverged_gan_is_said_in_report_and_log():
    def said(collapse, rate):
        model = build_profile_gan(TRAIN, generator_hidden=(4,), discriminator_hidden=(3,), seed=1)
        if collapse:
            model.generator.set_weights([0 * w for w in model.generator.get_weights()])
        model.compile(
            d_optimizer=keras.optimizers.SGD(rate),
            g_optimizer=keras.optimizers.SGD(0.0 if collapse else rate),
            run_eagerly=True,
        )
        lines = []
        made = batches.of_users(np.arange(6), batch_size=6, seed=2)
        report = fit_ranked(model, made, epochs=3, label="gan", log=lines.append)
        assert any(report.verdict in line for line in lines)
        return report.verdict

    assert said(True, 1e-3).startswith("collapsed: The generator collapsed: 24 of 24")
    assert said(False, 1e6).startswith("diverged")


def test_the_verdict_on_a_gan_survives_its_checkpoint_and_a_break_in_its_training(tmp_path):
    def fit(epochs, name):
        model = build_profile_gan(TRAIN, generator_hidden=(4,), discriminator_hidden=(3,), seed=1)
        model.generator.set_weights([0 * w for w in model.generator.get_weights()])
        still = keras.optimizers.SGD(0.0)
        model.compile(d_optimizer=still, g_optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
        made = batches.of_users(np.arange(6), batch_size=6, seed=2)
        path = tmp_path / name
        return fit_ranked(
            model, made, epochs=epochs, checkpoint=path, label="gan", log=lambda line: None
        ).verdict

    whole = fit(3, "whole.npz")
    assert whole.startswith("collapsed and idle discriminator") and "by epoch 3" in whole
    assert fit(3, "whole.npz") == whole  # nothing is trained
    assert "by epoch 2" in fit(2, "broken.npz")
    assert fit(3, "broken.npz") == whole
