"""Models that know nothing of this package: those of the TFRS tutorials, and plain Keras ones.

Each is wrapped unchanged and trained on a small world of strings in which users like items of
their own group.
"""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs
from tensorflow import keras

from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining

ROWS, BATCH, DIM, EPOCHS = 256, 64, 8, 6
USERS = np.array([f"user {i}" for i in range(24)])
MOVIES = np.array([f"movie {i} of group{i % 4}" for i in range(16)])
RADIUS = fgsm(0.5, relative=True)


def world():
    """{name: [ROWS, ...]}: a user of group g mostly watches movies of group g, and likes them."""
    rng = np.random.default_rng(0)
    user = rng.integers(0, 24, ROWS)
    own = rng.random(ROWS) < 0.8
    movie = np.where(own, rng.integers(0, 4, ROWS) * 4 + user % 4, rng.integers(0, 16, ROWS))
    liked = (movie % 4 == user % 4).astype(np.float32)
    history = (rng.integers(0, 4, [ROWS, 5]) * 4 + (user % 4)[:, None]) % 16
    return {
        "user_id": USERS[user],
        "movie_title": MOVIES[movie],
        "user_rating": 1 + 4 * liked,
        "timestamp": rng.random(ROWS).astype(np.float32),
        "context_movie_id": MOVIES[history],
        "dense": np.stack([np.cos(user), np.sin(movie), liked], 1).astype(np.float32),
        "liked": liked,
        "weight": rng.random(ROWS).astype(np.float32),
    }


WORLD = world()


def batches(*names):
    columns = {name: WORLD[name] for name in names}
    return tf.data.Dataset.from_tensor_slices(columns).batch(BATCH)


def id_tower(vocabulary, *more):
    return keras.Sequential(
        [
            keras.layers.StringLookup(vocabulary=vocabulary, mask_token=None),
            keras.layers.Embedding(len(vocabulary) + 1, DIM),
            *more,
        ]
    )


def top_k(movie_model):
    candidates = tf.data.Dataset.from_tensor_slices(MOVIES).batch(16).map(movie_model)
    return tfrs.metrics.FactorizedTopK(candidates=candidates, ks=(4,))


class BasicRetrieval(tfrs.Model):
    """https://www.tensorflow.org/recommenders/examples/basic_retrieval"""

    names = ("user_id", "movie_title")

    def __init__(self, user_model=None, movie_model=None):
        super().__init__()
        self.user_model = user_model or id_tower(USERS)
        self.movie_model = movie_model or id_tower(MOVIES)
        self.task = tfrs.tasks.Retrieval(metrics=top_k(self.movie_model))

    def compute_loss(self, features, training=False):
        return self.task(
            self.user_model(features["user_id"]), self.movie_model(features["movie_title"])
        )


def deep_retrieval():
    """.../deep_recommenders"""
    hidden = [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(DIM)]
    more = [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(DIM)]
    return BasicRetrieval(id_tower(USERS, *hidden), id_tower(MOVIES, *more))


class Ranking(tfrs.Model):
    """.../basic_ranking"""

    names = ("user_id", "movie_title", "user_rating")

    def __init__(self):
        super().__init__()
        self.user_model, self.movie_model = id_tower(USERS), id_tower(MOVIES)
        self.ratings = keras.Sequential(
            [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)]
        )
        self.task = tfrs.tasks.Ranking(
            loss=keras.losses.MeanSquaredError(),
            metrics=[keras.metrics.RootMeanSquaredError()],
        )

    def call(self, features):
        user = self.user_model(features["user_id"])
        movie = self.movie_model(features["movie_title"])
        return self.ratings(tf.concat([user, movie], 1))

    def compute_loss(self, features, training=False):
        features = dict(features)
        labels = features.pop("user_rating")
        return self.task(labels=labels, predictions=self(features))


class MultiTask(Ranking):
    """.../multitask"""

    def __init__(self):
        super().__init__()
        self.retrieval = tfrs.tasks.Retrieval(metrics=top_k(self.movie_model))

    def compute_loss(self, features, training=False):
        user = self.user_model(features["user_id"])
        movie = self.movie_model(features["movie_title"])
        predicted = self.ratings(tf.concat([user, movie], 1))
        rating_loss = self.task(labels=features["user_rating"], predictions=predicted)
        return rating_loss + self.retrieval(user, movie)


class UserModel(keras.Model):
    """.../context_features: an id, a normalized time and its bucket."""

    def __init__(self):
        super().__init__()
        self.user_embedding = id_tower(USERS)
        self.timestamp_embedding = keras.Sequential(
            [keras.layers.Discretization([0.25, 0.5, 0.75]), keras.layers.Embedding(5, DIM)]
        )
        self.normalized_timestamp = keras.layers.Normalization(axis=None)
        self.normalized_timestamp.adapt(WORLD["timestamp"])
        self.projection = keras.layers.Dense(DIM)

    def call(self, inputs):
        return self.projection(
            tf.concat(
                [
                    self.user_embedding(inputs["user_id"]),
                    self.timestamp_embedding(inputs["timestamp"]),
                    tf.reshape(self.normalized_timestamp(inputs["timestamp"]), (-1, 1)),
                ],
                axis=1,
            )
        )


class MovieModel(keras.Model):
    """.../context_features: an id and the words of the title, padding masked."""

    def __init__(self):
        super().__init__()
        self.title_embedding = id_tower(MOVIES)
        self.vectorizer = keras.layers.TextVectorization(max_tokens=40)
        self.vectorizer.adapt(MOVIES)
        self.title_text_embedding = keras.Sequential(
            [
                self.vectorizer,
                keras.layers.Embedding(40, DIM, mask_zero=True),
                keras.layers.GlobalAveragePooling1D(),
            ]
        )
        self.projection = keras.layers.Dense(DIM)

    def call(self, titles):
        both = [self.title_embedding(titles), self.title_text_embedding(titles)]
        return self.projection(tf.concat(both, axis=1))


class ContextFeatures(tfrs.Model):
    names = ("user_id", "timestamp", "movie_title")

    def __init__(self):
        super().__init__()
        self.query_model, self.candidate_model = UserModel(), MovieModel()
        self.task = tfrs.tasks.Retrieval(metrics=top_k(self.candidate_model))

    def compute_loss(self, features, training=False):
        query = self.query_model({n: features[n] for n in ("user_id", "timestamp")})
        return self.task(query, self.candidate_model(features["movie_title"]))


class SequentialRetrieval(tfrs.Model):
    """.../sequential_retrieval"""

    names = ("context_movie_id", "movie_title")

    def __init__(self):
        super().__init__()
        self._query_model = id_tower(MOVIES, keras.layers.GRU(DIM))
        self._candidate_model = id_tower(MOVIES)
        self._task = tfrs.tasks.Retrieval(metrics=top_k(self._candidate_model))

    def compute_loss(self, features, training=False):
        query = self._query_model(features["context_movie_id"])
        candidate = self._candidate_model(features["movie_title"])
        return self._task(query, candidate, compute_metrics=not training)


class CrossRanking(tfrs.Model):
    """In the shape of DLRM: a bottom network of dense features, hashed ids, a cross network."""

    names = ("user_id", "movie_title", "dense", "liked", "weight")

    def __init__(self):
        super().__init__()
        self.user = keras.Sequential([keras.layers.Hashing(64), keras.layers.Embedding(64, DIM)])
        self.movie = keras.Sequential([keras.layers.Hashing(64), keras.layers.Embedding(64, DIM)])
        self.bottom = keras.Sequential([keras.layers.Dense(DIM, activation="relu")])
        self.cross = tfrs.layers.dcn.Cross(kernel_initializer="glorot_uniform")
        self.top = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
        self.task = tfrs.tasks.Ranking(
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            metrics=[keras.metrics.AUC(from_logits=True, name="auc")],
        )

    def call(self, features, training=False):
        parts = [
            self.bottom(features["dense"][:, :2]),
            self.user(features["user_id"]),
            self.movie(features["movie_title"]),
        ]
        return self.top(self.cross(tf.concat(parts, 1)), training=training)

    def compute_loss(self, features, training=False):
        logits = self(features, training=training)
        labels, weight = features["liked"][:, None], features["weight"][:, None]
        return self.task(labels, logits, sample_weight=weight)


TFRS_MODELS = {
    "basic_retrieval": BasicRetrieval,
    "deep_retrieval": deep_retrieval,
    "ranking": Ranking,
    "multi_task": MultiTask,
    "context_features": ContextFeatures,
    "sequential_retrieval": SequentialRetrieval,
    "cross_ranking": CrossRanking,
}


def functional_two_tower():
    """Compiled with a loss and a metric; its inputs are a dict of strings."""
    user = keras.Input([], dtype="string", name="user_id")
    movie = keras.Input([], dtype="string", name="movie_title")
    vectors = []
    for inputs, vocabulary in ((user, USERS), (movie, MOVIES)):
        index = keras.layers.StringLookup(vocabulary=vocabulary, mask_token=None)(inputs)
        vectors.append(keras.layers.Embedding(len(vocabulary) + 1, DIM)(index))
    score = keras.layers.Dot(axes=1)(vectors)
    model = keras.Model([user, movie], score)
    model.compile(
        optimizer=keras.optimizers.Adam(0.1),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")],
    )
    return model


def dense_classifier():
    model = keras.Sequential(
        [
            keras.layers.Normalization(name="scaled"),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.layers[0].adapt(WORLD["dense"][:, :2])
    model.compile(
        optimizer=keras.optimizers.Adam(0.02), loss="binary_crossentropy", metrics=["mae"]
    )
    return model


class WatchedMovies(keras.Model):
    """A subclass with a `compute_loss` of its own, of pooled hashes; its inputs are a tuple."""

    def __init__(self):
        super().__init__()
        self.hashed = keras.layers.Hashing(64)
        self.embedded = keras.layers.Embedding(64, DIM)
        self.top = keras.layers.Dense(1)
        self.compile(
            optimizer=keras.optimizers.Adam(0.05),
            metrics=[keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")],
        )

    def call(self, inputs, training=False):
        watched, movie = inputs
        pooled = tf.reduce_mean(self.embedded(self.hashed(watched)), axis=1)
        return self.top(pooled * self.embedded(self.hashed(movie)))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        losses = tf.nn.sigmoid_cross_entropy_with_logits(y, y_pred[:, 0])
        return tf.reduce_mean(losses * sample_weight)


def two_input_data():
    features = {name: WORLD[name] for name in ("user_id", "movie_title")}
    return features, WORLD["liked"], WORLD["weight"]


def history_data():
    return (WORLD["context_movie_id"], WORLD["movie_title"]), WORLD["liked"], WORLD["weight"]


def dense_data():
    return WORLD["dense"][:, :2], WORLD["liked"], WORLD["weight"]


def fitted(model, data, wrapped, *, layers=None, **settings):
    """The plain model or the wrapped one after training, and its history."""
    trained = model
    if wrapped:
        trained = AdversarialTraining(model, RADIUS, layers=layers, fraction=1.0, **settings)
    if getattr(model, "optimizer", None) is None:
        trained.compile(optimizer=keras.optimizers.Adam(0.06))
    return trained, trained.fit(data, epochs=EPOCHS, verbose=0).history


def losses_under_attack(model, batch, layers=None):
    """(clean, adversarial) loss of the plain model or the one inside the wrapper."""
    inner = getattr(model, "model", model)
    found = AdversarialTraining(inner, RADIUS, layers=layers).losses_under_attack(batch)
    return float(found["clean_loss"]), float(found["adversarial_loss"])


def assert_hardened(build, data, batch, metrics, layers=None, in_training=True):
    """Wrapped, a model trains, keeps its metrics, and suffers less from the attack than it does
    after plain training from the same first weights."""
    found = {}
    for wrapped in (False, True):
        keras.utils.set_random_seed(1)
        model, history = fitted(build(), data, wrapped, layers=layers)
        found[wrapped] = losses_under_attack(model, batch, layers)
        assert not in_training or set(metrics) <= set(history)
    assert {"loss", "clean_loss", "adversarial_loss"} <= set(history)
    assert history["clean_loss"][-1] < 0.95 * history["clean_loss"][0]
    assert set(metrics) <= set(model.evaluate(data, verbose=0, return_dict=True))
    assert found[True][1] < 0.96 * found[False][1]


TOP_4 = "factorized_top_k/top_4_categorical_accuracy"


@pytest.mark.parametrize(
    ("build", "metrics"),
    [
        (BasicRetrieval, [TOP_4]),
        pytest.param(deep_retrieval, [TOP_4], marks=pytest.mark.slow),
        (Ranking, ["root_mean_squared_error"]),
        (MultiTask, ["root_mean_squared_error", TOP_4]),
        pytest.param(ContextFeatures, [TOP_4], marks=pytest.mark.slow),
        pytest.param(SequentialRetrieval, [TOP_4], marks=pytest.mark.slow),
        (CrossRanking, ["auc"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_tfrs_model_is_hardened_unchanged(build, metrics):
    data = batches(*getattr(build, "names", BasicRetrieval.names))
    # the sequential tutorial computes its metrics in evaluation alone
    in_training = build is not SequentialRetrieval
    assert_hardened(build, data, next(iter(data)), metrics, in_training=in_training)


@pytest.mark.parametrize(
    ("build", "data", "metrics", "layers"),
    [
        (functional_two_tower, two_input_data, ["accuracy"], None),
        (dense_classifier, dense_data, ["mae"], ["scaled"]),
        (WatchedMovies, history_data, ["accuracy"], None),
    ],
    ids=["functional", "sequential", "subclassed"],
)
def test_a_keras_model_is_hardened_unchanged(build, data, metrics, layers):
    batch = data()
    made = tf.data.Dataset.from_tensor_slices(batch).batch(BATCH)
    assert_hardened(build, made, batch, metrics, layers)


def test_arrays_with_sample_weights_train_as_in_keras():
    # Nothing weighs anything: no gradient, so the weights stay.
    model = functional_two_tower()
    x, y, weight = two_input_data()
    before = model.get_weights()
    wrapper = AdversarialTraining(model, RADIUS)
    wrapper.fit(x, y, sample_weight=0 * weight, batch_size=BATCH, verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    wrapper.fit(x, y, sample_weight=weight, batch_size=BATCH, verbose=0, validation_data=(x, y))
    assert np.abs(before[0] - model.get_weights()[0]).max() > 1e-3
    assert wrapper.predict(x, verbose=0).shape == (ROWS, 1)


def test_the_fraction_counts_for_a_model_that_knows_no_weights():
    # the loss of the first quarter alone, of the whole, and of both together
    model, batch = Ranking(), next(iter(batches(*Ranking.names)))
    model(batch)
    part = {name: value[: BATCH // 4] for name, value in batch.items()}
    noise = fgsm(1e-6, relative=False)
    for fraction, adversarial in ((0.25, part), (1.0, batch)):
        found = AdversarialTraining(model, noise, fraction=fraction).compute_loss(batch, True)
        expected = model.compute_loss(batch) + fraction * model.compute_loss(adversarial)
        assert float(found) == pytest.approx(float(expected), rel=1e-4)


def test_steps_are_repeatable_for_a_seed_and_differ_between_seeds():
    def trained(seed):
        keras.utils.set_random_seed(1)
        noise = fgsm(0.5, relative=True, direction="random")
        wrapper = AdversarialTraining(Ranking(), noise, seed=seed)
        wrapper.compile(optimizer=keras.optimizers.SGD(0.1))
        wrapper.fit(batches(*Ranking.names), verbose=0)
        return wrapper.model.ratings.get_weights()[0]

    first, again, other = trained(3), trained(3), trained(4)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6


def test_several_steps_an_execution_and_compiled_by_xla():
    def integers():
        user, movie = keras.Input([], dtype="int32"), keras.Input([4], dtype="int32")
        user_vector = keras.layers.Embedding(24, DIM)(user)
        movie_vector = tf.reduce_mean(keras.layers.Embedding(16, DIM)(movie), 1)  # multi-hot
        model = keras.Model([user, movie], keras.layers.Dot(axes=1)([user_vector, movie_vector]))
        model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
        return model

    x = (np.arange(64) % 24, np.arange(256).reshape(64, 4) % 16)
    y = (np.arange(64) % 2).astype(np.float32)
    weights = []
    for settings in ({}, {"jit_compile": True}, {"steps_per_execution": 4}):
        keras.utils.set_random_seed(1)
        wrapper = AdversarialTraining(integers(), RADIUS, fraction=0.3)
        wrapper.compile(keras.optimizers.SGD(0.5), **settings)
        wrapper.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
        weights.append(wrapper.get_weights())
    for other in weights[1:]:
        for one, found in zip(weights[0], other, strict=True):
            np.testing.assert_allclose(found, one, rtol=1e-3, atol=1e-5)


def test_ragged_sequences_are_perturbed_in_their_values():
    ids = keras.Input([None], dtype="int32", ragged=True)
    pooled = tf.reduce_mean(keras.layers.Embedding(16, DIM)(ids), axis=1)
    model = keras.Model(ids, keras.layers.Dense(1)(pooled))
    model.compile("sgd", "mse")
    x = tf.ragged.constant([[1, 2, 3], [4], [5, 6], [7, 8, 9, 10]] * 4, dtype=tf.int32)
    data = tf.data.Dataset.from_tensor_slices((x, tf.ones(16))).batch(8)
    history = AdversarialTraining(model, RADIUS, fraction=0.5).fit(data, verbose=0).history
    assert history["adversarial_loss"][0] > 0
    found = AdversarialTraining(model, RADIUS).losses_under_attack((x, tf.ones([16, 1])))
    assert float(found["adversarial_loss"]) > float(found["clean_loss"])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_with_finite_losses(policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        wrapper = AdversarialTraining(dense_classifier(), RADIUS, layers=["scaled"], fraction=0.5)
        scaled = isinstance(wrapper.optimizer, keras.mixed_precision.LossScaleOptimizer)
        x, y, weight = dense_data()
        history = wrapper.fit(x, y, sample_weight=weight, epochs=4, verbose=0).history
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert scaled == (policy == "mixed_float16")
    assert np.isfinite(list(history.values())).all()
    assert history["clean_loss"][-1] < history["clean_loss"][0]
    assert history["adversarial_loss"][-1] > 0.5 * history["clean_loss"][-1]


@pytest.mark.parametrize(
    ("relative", "radius", "cure"),
    [
        (
            False,
            "radius 5 ",
            "Use a relative radius, such as fgsm(0.1, relative=True), a smaller one",
        ),
        (True, "radius ", "Use a relative radius below 1, such as fgsm(0.1), or a warm-up"),
    ],
)
def test_a_radius_that_lets_nothing_be_learned_is_said(caplog, relative, radius, cure):
    # Keras initializes embeddings within .05
    wrapper = AdversarialTraining(Ranking(), fgsm(5.0, relative=relative))
    wrapper.compile(optimizer=keras.optimizers.Adam(0.001))
    wrapper.fit(batches(*Ranking.names), epochs=2, verbose=0)
    (record,) = [r for r in caplog.records if "exceeds the mean norm" in r.getMessage()]
    assert radius in record.getMessage() and cure in record.getMessage()
    assert record.levelname == "WARNING"


def test_replicas_stay_equal_under_a_mirrored_strategy():
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == "equal"


MIRRORED = """
import advrec_tf
import numpy as np, tensorflow as tf
from tensorflow import keras
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

def trained(scope):
    with scope:
        keras.utils.set_random_seed(1)
        index = keras.Input([], dtype="int32")
        out = keras.layers.Dense(1)(keras.layers.Embedding(8, 4)(index))
        model = keras.Model(index, out)
        model.compile(keras.optimizers.SGD(0.5), "mse")
        wrapper = AdversarialTraining(model, fgsm(0.3, relative=True), fraction=1.0)
    x, y = np.arange(32) % 8, (np.arange(32) % 8).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    wrapper.fit(data, epochs=3, verbose=0)
    return wrapper.model

import contextlib
model = trained(strategy.scope())
for variable in model.trainable_variables:
    one, other = strategy.experimental_local_results(variable)
    np.testing.assert_array_equal(one, other)
for one, other in zip(model.get_weights(), trained(contextlib.nullcontext()).get_weights()):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
print("equal")
"""
