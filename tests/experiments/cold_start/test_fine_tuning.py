import dataclasses

import numpy as np
import pytest

from advrec_tf.models.base import CandidateSubset
from advrec_tf.models.content.modalities import Modality
from advrec_tf.pipelines.text.fine_tuning import on_kept_vectors, on_texts
from advrec_tf.text.cache import encode_texts
from advrec_tf.text.robustness import TextRobustness
from experiments.cold_start import fine_tuning


@pytest.mark.slow
def test_fine_tuning_moves_what_its_strategy_names_and_only_that(
    cold_content, make_task, make_text_tower
):
    """A tiny language model; every adversary trains from the same pretrained tower."""

    def fresh_encoder(strategy, **head):
        words = ["odd", "even", *map(str, range(60))]
        return make_text_tower(words, blocks=2, max_length=6, strategy=strategy, **head)

    texts = np.array([f"{'even' if i % 2 == 0 else 'odd'} {i}" for i in range(60)], object)
    vectors = encode_texts(fresh_encoder("frozen"), texts.tolist(), progress=False)
    own = dataclasses.replace(
        cold_content,
        texts=texts,
        text=Modality(name="text", vectors=vectors),
        fresh_encoder=fresh_encoder,
    )
    task = make_task("finetuned", own)
    start = fine_tuning.pretrained(task).model
    before = fresh_encoder("frozen").language_model.named_weights()
    for strategy, adversary, moves in (
        ("frozen", "none", False),
        ("top:1", "fgm", True),
        ("top:1", "freelb", True),
    ):
        model = fine_tuning.fine_tuned(strategy, adversary, 0.1)(task).model
        after = model.item_tower.tower.language_model.named_weights()
        moved = {name for name, weight in after.items() if not np.array_equal(weight, before[name])}
        assert bool(moved) == moves
        assert all(name.startswith("transformer_layer_1/") for name in moved)
        assert np.abs(model.item_vectors() - start.item_vectors()).max() > 1e-5


def test_only_the_texts_of_the_tested_items_are_disturbed(make_task, monkeypatch, make_text_tower):
    texts = np.array([f"text {i}" for i in range(60)], object)
    setting = make_task("finetuned").setting
    asked = setting.candidates["cold items"]
    tower = make_text_tower(["text", *map(str, range(60))], dim=4)
    vectors = np.ones([60, 8], np.float32)
    model = on_texts(on_kept_vectors(setting.interactions, tower, vectors), tower, texts)
    given = {}

    def disturb(tower, texts, rank, evaluator, **settings):
        given.update(texts=texts, model=rank(np.zeros([len(texts), 4], np.float32)))
        return TextRobustness(metric="ndcg@10", clean={}, points=())

    monkeypatch.setattr(fine_tuning, "text_robustness", disturb)
    fine_tuning.robustness(setting, model, texts)
    assert given["texts"] == texts[asked].tolist()
    ranked = given["model"]
    assert isinstance(ranked, CandidateSubset) and ranked.items is asked
    moved = ranked.model.item_vectors
    assert not moved[asked].any()
    others = np.setdiff1d(np.arange(60), asked)
    np.testing.assert_array_equal(moved[others], model.item_vectors()[others])
