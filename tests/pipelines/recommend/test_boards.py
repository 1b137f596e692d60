import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from advrec_tf._keras import keras
from advrec_tf.data.batches import Batches
from advrec_tf.gan.base import GAN
from advrec_tf.gan.health import HealthCheck
from advrec_tf.models.vectors import with_popularity_prior
from advrec_tf.pipelines.recommend import boards
from advrec_tf.pipelines.recommend.variants import Console
from tests.worlds import interactions_of


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return events


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("val_ndcg@10", "val/ndcg@10"),
        ("loss", "loss/loss"),
        ("adversarial_loss", "loss/adversarial"),
        ("d_accuracy", "gan/d_accuracy"),
        ("d_loss", "gan/d_loss"),
        ("diversity", "gan/diversity"),
        ("learning_rate", "train/learning_rate"),
    ],
)
def test_a_value_is_grouped_by_what_it_is(name, tag):
    assert boards.tag_of(name) == tag


def test_training_and_validation_are_one_run_with_norms_of_the_embeddings(tmp_path):
    inputs = keras.Input((), dtype="int32")
    vectors = keras.layers.Embedding(3, 2, embeddings_initializer="ones", name="user_embedding")
    model = keras.Model(inputs, keras.layers.Dense(1)(vectors(inputs)))
    model.compile(loss="mse")
    board = boards.Board(tmp_path / "tower", every=2)
    data = (np.array([0, 1, 2]), np.zeros(3))
    model.fit(*data, validation_data=data, epochs=3, callbacks=[board], verbose=0)
    assert [path.name for path in tmp_path.iterdir()] == ["tower"]
    events = read(tmp_path / "tower")
    tags = events.Tags()["tensors"]
    assert set(tags) == {"loss/loss", "val/loss", "norm/user_embedding/embeddings"}
    assert [e.step for e in events.Tensors("norm/user_embedding/embeddings")] == [1, 3]
    assert [e.step for e in events.Tensors("val/loss")] == [1, 2, 3]


def test_gradients_are_those_of_the_loss_in_the_rows_of_a_batch_and_change_nothing():
    class Dot(keras.Model):
        def __init__(self):
            super().__init__()
            self.table = keras.layers.Embedding(3, 2, name="table")
            self.table.build(None)
            self.table.set_weights([np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)])

        def compute_loss(self, inputs, training=False):
            assert not training
            return tf.reduce_sum(tf.square(self.table(inputs["user_index"])))

    model = Dot()
    found = boards.gradients_of(model, {"user_index": tf.constant([2])})
    (entries,) = found.values()
    assert entries.tolist() == [10.0, 12.0]  # 2 x of the row that is looked up
    assert model.table.get_weights()[0][2].tolist() == [5.0, 6.0]


def test_the_first_batch_of_a_block_is_one_batch():
    def block(epoch):
        values = {"seed": tf.zeros([1, 4, 2], tf.int32), "user_index": tf.range(4 * 3)}
        values["user_index"] = tf.reshape(values["user_index"], [1, 4, 3])
        return tf.data.Dataset.from_tensor_slices(values)

    batch = boards.first_batch(Batches(1, block))
    assert batch["user_index"].numpy().tolist() == [0, 1, 2]


def test_a_gan_has_the_ratio_of_its_gradients_and_its_verdict(tmp_path):
    def network(units):
        return keras.Sequential([keras.layers.Input([2]), keras.layers.Dense(units)])

    gan = GAN(network(2), network(1))
    rates = (keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    gan.compile(d_optimizer=rates[0], g_optimizer=rates[1])
    check, board = HealthCheck(log=lambda line: None), boards.Board(tmp_path)
    data = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)
    history = gan.fit(data, epochs=2, callbacks=[check, board], verbose=0).history
    events = read(tmp_path)
    ratios = [float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors("gan/gradient_ratio")]
    expected = np.divide(history["d_gradient"], history["g_gradient"])
    assert np.allclose(ratios, expected, rtol=1e-5)
    (verdict,) = events.Tensors("gan/verdict")
    assert tf.make_ndarray(verdict.tensor_proto).item().decode() == str(gan.health)


def test_the_norms_are_those_of_looked_up_matrices_alone():
    layer = keras.layers.Embedding(2, 2, name="item_embedding")
    model = keras.Sequential([layer, keras.layers.Dense(2)])
    model.build((None,))
    layer.set_weights([np.array([[3.0, 4.0], [0.0, 1.0]], np.float32)])
    (norms,) = boards.embedding_norms(model).values()
    assert norms.tolist() == [5.0, 1.0]


@pytest.mark.parametrize(
    ("label", "place"),
    [
        ("whole tower 3", "tensorboard/tower"),
        ("whole tower 4", "tensorboard-more/whole_tower_4"),
        ("cold tower 3", "tensorboard-more/cold_tower_3"),
        ("ranking clicks", "tensorboard/ranking_clicks"),
        ("autoencoder+perturbed", "tensorboard/autoencoder+perturbed"),
    ],
)
def test_cut_settings_and_further_seeds_have_a_folder_of_their_own(tmp_path, label, place):
    console = Console(write=print, folder=tmp_path, seed=3)
    assert console.run_of(label) == tmp_path / place


def test_results_fill_hparams_text_and_the_projector(tmp_path):
    data = interactions_of([(0, 0), (1, 0), (1, 1)], 2, 3)
    vectors = np.eye(3, dtype=np.float32)
    model = with_popularity_prior(vectors[:2], vectors, data, scale=1.0, prior_max_history=0)
    report = {"models": {"tower+perturbed": {"ndcg@10": 0.25, "group": {"ndcg@10": 0.5}}}}
    boards.write_results(tmp_path, report, "# The report", model)
    runs = tmp_path / "tensorboard"
    of_model = read(runs / "results" / "tower+perturbed")
    assert set(of_model.Tags()["tensors"]) == {"test/ndcg@10", "_hparams_/session_start_info"}
    plugin = of_model.SummaryMetadata("_hparams_/session_start_info").plugin_data
    assert b"ingredients" in plugin.content and b"perturbed" in plugin.content
    (text,) = read(runs / "results").Tensors("report")
    assert tf.make_ndarray(text.tensor_proto).item() == b"# The report"
    known = (runs / "items_known.tsv").read_text().splitlines()
    assert known == ["item_id\tinteractions", "0\t2", "1\t1", "2\t0"]
    assert len((runs / "items.tsv").read_text().splitlines()) == 3
    assert 'metadata_path: "items_known.tsv"' in (runs / "projector_config.pbtxt").read_text()


def test_the_image_of_popularity_shows_every_item():
    real = interactions_of([(0, 0), (1, 0), (1, 1)], 2, 3)
    image = boards.popularity_image(np.array([[1.0, 0.0, 0.5]] * 2), real, length=1)
    assert image.dtype == tf.uint8 and image.shape[2] == 3
    assert len(np.unique(image.numpy().reshape(-1, 3), axis=0)) > 10
