import numpy as np
import pytest

from experiments.cold_start import towers


def test_a_point_of_the_space_reaches_the_builder(make_task, monkeypatch):
    given = {}
    monkeypatch.setattr(towers, "build", lambda task, *names, **own: given.update(own))
    monkeypatch.setattr(towers, "fit", lambda task, model: None)
    task = make_task("warm", id_dropout=0.2)
    towers.tower("text", item_ids=True, history_of_text=True)(task)
    assert given == {"item_ids": True, "id_dropout": 0.2, "history": task.context.content.text}


@pytest.mark.parametrize(
    "train",
    [
        towers.tower("graph"),
        towers.with_prior(towers.tower("text", item_ids=True, history_of_text=True)),
        towers.augmented("random"),
    ],
)
def test_towers_train_and_score_every_item(make_task, train):
    model = train(make_task("users", epochs=1)).model.frozen()
    scores = np.asarray(model.score(np.arange(4, dtype=np.int32)))
    assert scores.shape == (4, 60) and np.isfinite(scores).all()
