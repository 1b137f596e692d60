import numpy as np
import pytest
from tensorflow import keras

from advrec_tf.tabular.gan import build_table_gan
from advrec_tf.tabular.training import FidelityValidation, fit_table_generator


def test_a_planted_divergence_is_said_and_earlier_weights_are_kept(narrow, compiled):
    frame, transform = narrow
    model = compiled(build_table_gan(transform))

    class Plant(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                weights = self.model.discriminator.get_weights()
                weights[0][:] = np.nan
                self.model.discriminator.set_weights(weights)

    report = fit_table_generator(
        model,
        frame,
        frame.iloc[:60],
        steps=40,
        steps_per_round=20,
        batch_size=60,
        callbacks=[Plant()],
    )
    assert "diverged: table_gan: `d_loss` became NaN" in report.verdict
    assert "weights of round 1 are kept" in report.verdict
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_a_loss_that_explodes_without_becoming_nan_stops_training(frame, transform, compiled):
    model = compiled(build_table_gan(transform))
    guard = FidelityValidation(frame, frame, patience=3)
    guard.set_model(model)
    model.stop_training = False
    guard.on_epoch_end(0, {"d_loss": -2e5, "g_loss": 0.0})
    assert model.stop_training and guard.best_weights is None
    assert guard.warnings == ["diverged: d_loss reached -2e+05 in round 1"]


@pytest.mark.slow
def test_a_stopped_fit_goes_on_where_it_was(narrow, tmp_path, compiled):
    frame, transform = narrow

    def train(rounds, checkpoint):
        keras.utils.set_random_seed(0)
        model = compiled(build_table_gan(transform, noise_dim=8))
        fit_table_generator(
            model,
            frame.iloc[:240],
            frame.iloc[240:],
            steps=10 * rounds,
            steps_per_round=10,
            batch_size=60,
            keep_last=True,
            checkpoint=checkpoint,
        )
        return model.averaged.get_weights()

    whole = train(3, None)
    train(1, tmp_path / "fit.npz")
    resumed = train(3, tmp_path / "fit.npz")
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
