import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.pipelines.text.fine_tuning import (
    CHOICES,
    COPIES,
    attacked,
    disturbed_copies,
    on_kept_vectors,
    on_texts,
)
from advrec_tf.pipelines.text.settings import ADVERSARIES
from advrec_tf.text.cache import encode_texts
from advrec_tf.text.disturbed_texts import DisturbedTextTraining
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.free_adversarial import FreeLB
from advrec_tf.training.virtual_adversarial import VirtualAdversarialTraining

TEXTS = ["the matrix", "heat", "", "alien the heat"]
WORDS = ["the", "matrix", "heat", "alien"]


@pytest.fixture(scope="module")
def train():
    return Interactions(
        user_index=np.array([0, 0, 1, 2, 2], np.int32),
        item_index=np.array([0, 1, 1, 0, 3], np.int32),  # nobody has item 2
        users=Vocabulary(np.arange(3)),
        items=Vocabulary(np.arange(4)),
    )


@pytest.fixture(scope="module")
def model(train, make_text_tower):
    still = make_text_tower(WORDS, dim=4)
    vectors = encode_texts(still.without_head(), TEXTS, progress=False)
    start = on_kept_vectors(train, still, vectors, temperature=0.2, seed=3)
    start.user_tower(tf.constant([0]))
    start.item_tower.tower.projection.kernel.assign(
        np.random.default_rng(5).normal(size=[8, 4])  # as if it had trained
    )
    model = on_texts(start, make_text_tower(WORDS, dim=4, strategy="top:1"), TEXTS)
    return start, model


def test_with_the_model_in_the_place_of_its_vectors_every_score_is_as_before(model):
    start, moving = model
    users = tf.range(3)
    np.testing.assert_allclose(moving.score(users), start.score(users), atol=1e-4)
    assert moving.temperature == 0.2


def test_the_start_is_copied_and_stays_as_it_was(model):
    start, moving = model
    before = start.score(tf.range(3)).numpy()
    kernel = moving.item_tower.tower.projection.kernel
    kept, users = kernel.numpy(), moving.user_tower.get_weights()
    kernel.assign(kept + 1.0)
    moving.user_tower.set_weights([weight + 1.0 for weight in users])
    np.testing.assert_array_equal(start.score(tf.range(3)), before)
    kernel.assign(kept)
    moving.user_tower.set_weights(users)


def test_each_adversary_wraps_the_model_with_its_budget(model):
    _, moving = model
    kinds = {"fgm": AdversarialTraining, "pgd": AdversarialTraining, "noise": AdversarialTraining}
    kinds |= {"freelb": FreeLB}
    kinds |= dict.fromkeys(("vat", "vat_noise"), VirtualAdversarialTraining)
    assert attacked(moving, "none", epsilon=0.2) is moving
    assert {"none", "disturbed", "worst_disturbed", *kinds} == set(ADVERSARIES)
    for kind, expected in kinds.items():
        found = attacked(moving, kind, epsilon=0.2, steps=4, weight=0.5, batch_size=7)
        assert type(found) is expected and found.model is moving
        budget = found.perturbation
        assert budget.epsilon == 0.2 and budget.relative
        assert budget.steps == (4 if kind in ("pgd", "freelb", "vat", "vat_noise") else 1)
        assert budget.random_start == (kind == "freelb")
        assert (budget.direction == "random") == (kind in ("noise", "vat_noise"))
        assert getattr(found, "weight", 0.5) == 0.5
    # the virtual one draws texts that nobody has touched
    assert set(found.draw(tf.constant([1, 2])).numpy().tolist()) == {2}
    assert found.batch_size == 7


def test_an_adversary_of_no_known_name_is_refused(model):
    with pytest.raises(ValueError, match="`adversary` should be one of none, noise.*'fgsm'"):
        attacked(model[1], "fgsm", epsilon=0.1)


def test_disturbed_texts_are_copies_of_those_that_nobody_has_touched(model):
    _, moving = model
    for kind, choices in (("disturbed", 1), ("worst_disturbed", CHOICES)):
        found = attacked(moving, kind, epsilon=0.5, weight=0.5, batch_size=7, texts=TEXTS)
        assert type(found) is DisturbedTextTraining and found.model is moving
        items, copies = found.draw(tf.constant([1, 2]))
        assert set(items.numpy().tolist()) == {2} and copies.shape == (7, choices)
        assert found.weight == 0.5
    with pytest.raises(ValueError, match="`texts` should be the items' texts for disturbed"):
        attacked(moving, "disturbed", epsilon=0.5)


def test_half_of_the_copies_lack_words_and_half_are_mistyped():
    texts = ["one two three four five six seven eight"] * 3
    copies = disturbed_copies(texts, 0.5)
    assert len(copies) == COPIES
    for number, copy in enumerate(copies):
        words = [text.split() for text in copy]
        if number % 2 == 0:
            assert any(len(own) < 8 for own in words)
            assert all(set(own) <= set(texts[0].split()) for own in words)
        else:
            assert all(len(own) == 8 for own in words)
            assert any(set(own) - set(texts[0].split()) for own in words)
    assert disturbed_copies(texts, 0.5) == copies
