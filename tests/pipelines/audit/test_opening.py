import dataclasses

import numpy as np
import pytest

from advrec_tf.models.baselines import EASE, Popularity
from advrec_tf.pipelines.audit.opening import named, open_model, subject_of


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "scorers_of_this_test.py").write_text(
        "import numpy as np\n"
        "from advrec_tf.models.baselines import Popularity\n"
        "def score(users):\n"
        "    return np.tile(np.arange(24.0), (len(users), 1))\n"
        "def train(interactions):\n"
        "    return Popularity().fit(interactions)\n"
        "number = 3\n"
    )
    return "scorers_of_this_test"


def test_a_function_of_users_only_scores(split, module):
    found = open_model(f"{module}:score", split)
    assert found.lists is None and found.vectors is None and found.fit is None
    assert np.asarray(found.scorer.score(np.array([1])))[0, 23] == 23


def test_a_function_of_interactions_is_trained_on_the_training_part_and_retrains(split, module):
    found = open_model(f"{module}:train", split)
    assert found.knows_test is False and found.fit is not None
    expected = Popularity().fit(split.train).score(np.array([0]))
    assert np.array_equal(found.scorer.score(np.array([0])), expected)


def test_names_that_are_not_there_are_refused(split, module, tmp_path):
    with pytest.raises(ValueError, match=r"`--model` should name something in scorers"):
        open_model(f"{module}:absent", split)
    with pytest.raises(ValueError, match="`--fit` should name a module that Python finds"):
        named("no_such_module:f", "--fit")
    with pytest.raises(FileNotFoundError, match="which does not exist"):
        open_model(str(tmp_path / "absent"), split)
    with pytest.raises(FileNotFoundError, match="numbered versions"):
        open_model(str(tmp_path), split)
    with pytest.raises(ValueError, match="callable"):
        open_model(f"{module}:number", split)


def test_vectors_count_only_where_their_products_are_the_scores(split, vectors):
    train = dataclasses.replace(vectors, interactions=split.train)
    assert subject_of(train, split, name="m").vectors is not None

    class Shifted:
        user_vectors, item_vectors = vectors.user_vectors, vectors.item_vectors

        def score(self, users):
            return vectors.score(users) + 5.0

    found = subject_of(Shifted(), split, name="m")
    assert found.vectors is None and "are not its scores" in found.no_vectors
    assert "no `user_vectors`" in subject_of(EASE().fit(split.train), split, name="m").no_vectors
