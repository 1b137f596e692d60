import numpy as np
import pytest

from experiments.cold_start import generated


@pytest.mark.parametrize("source", ["gan", "ablation", "mean", "random"])
def test_imputed_texts_stand_in_for_the_missing_ones_alone(make_task, monkeypatch, source):
    given = []
    monkeypatch.setattr(
        generated, "content_two_tower", lambda data, texts, **settings: given.extend(texts)
    )
    monkeypatch.setattr(generated, "fit", lambda task, model: None)
    task = make_task("missing")
    generated.imputed(source)(task)
    before, (after,) = task.context.content.text, given
    np.testing.assert_array_equal(after.vectors[before.present], before.vectors[before.present])
    assert after.present.all()
    norms = np.linalg.norm(after.vectors[~before.present], axis=1)
    assert (norms > 0.1).all()


@pytest.mark.parametrize(("positives", "sign"), [(False, 1.0), (True, -1.0)])
def test_generated_items_are_negatives_or_positives_by_the_sign_of_their_weight(
    make_task, monkeypatch, positives, sign
):
    given = {}
    monkeypatch.setattr(generated, "GeneratedItems", lambda *_, **settings: given.update(settings))
    monkeypatch.setattr(generated, "fit", lambda task, model: None)
    task = make_task("items", weight=0.3)
    generated.with_generated_items("random", positives=positives)(task)
    assert given == {"modality": "text", "weight": sign * 0.3}
