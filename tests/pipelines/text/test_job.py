import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.pipelines.stages import StageStore
from advrec_tf.pipelines.text import job
from advrec_tf.pipelines.text.job import nearest_items, run, table_lines
from advrec_tf.pipelines.text.settings import TextTowerSettings
from advrec_tf.text.language_model import LanguageModelTower

keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

TINY = {
    "dim": 8,
    "max_length": 8,
    "epochs": 2,
    "fine_tuning_epochs": 1,
    "fine_tuning_rate": 1e-2,
    "items_per_batch": 8,
    "rows_per_item": 16,
    "epsilon": 0.1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_world):
    path = tmp_path_factory.mktemp("model")
    words = sorted({word.lower() for text in tiny_world.item_text for word in text.split()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    keras_hub.models.BertBackbone(
        len(vocabulary), 2, 1, 8, 8, max_sequence_length=8
    ).save_to_preset(str(path))
    keras_hub.models.BertTokenizer(vocabulary, lowercase=True).save_to_preset(str(path))
    return path


def test_a_run_trains_what_it_says_and_a_second_one_takes_it_from_the_store(
    folder, tiny_prepared, tmp_path, monkeypatch, caplog
):
    texts = tiny_prepared.split.train.item_text.copy()
    texts[3] = " "
    split = dataclasses.replace(
        tiny_prepared.split, train=dataclasses.replace(tiny_prepared.split.train, item_text=texts)
    )
    prepared = dataclasses.replace(tiny_prepared, split=split)
    settings = TextTowerSettings(strategy="top:1", adversary="fgm", **TINY)
    caplog.set_level("DEBUG", logger="advrec_tf")

    def again(resume):
        store = StageStore(tmp_path / "run", {"settings": settings.as_dict()}, resume=resume)
        return run(prepared, settings, folder, store, cache=tmp_path / "c")

    first = again(False)
    rows = first.report["rows"]
    assert list(rows) == ["popularity", "start", "fine_tuning"]
    # a block of width 8: attention 4 (64 + 8), two norms 32, feed-forward 2 (64 + 8); 8 x 8
    assert first.report["trainable_parameters"] == 288 + 32 + 144 + 64
    assert rows["start"]["trainable_parameters"] == 64
    assert first.report["texts"]["without_text"] == 1
    history = rows["fine_tuning"]["history"]
    assert history["adversarial_loss"][0] > history["clean_loss"][0]
    assert rows["fine_tuning"]["step_seconds"] > 0
    epochs = [record for record in caplog.records if "  epoch " in record.getMessage()]
    assert len(epochs) == 3 and (tmp_path / "run" / "tensorboard" / "fine_tuning").is_dir()
    # the served vectors are those of the exported tower
    vectors = first.tower(tf.constant([text.strip() for text in texts.tolist()])).numpy()
    np.testing.assert_allclose(first.recommender.item_vectors, vectors, atol=1e-5)
    title = prepared.split.train.item_text[0]
    nearest = nearest_items(first, title, k=3)
    assert len(nearest) == 3 and nearest[0][1] == pytest.approx(1.0, abs=1e-4)
    assert title in [name for name, cosine in nearest if cosine > 1 - 1e-4]
    shown = "\n".join(table_lines(json.loads(json.dumps(first.report))))
    assert "1 without text" in shown and "fine_tuning" in shown

    monkeypatch.setattr(job, "fit_ranked", None)
    second = again(True)
    assert second.report == first.report
    np.testing.assert_array_equal(
        second.tower(tf.constant(["the"])), first.tower(tf.constant(["the"]))
    )


def test_a_frozen_model_without_an_adversary_is_trained_on_its_kept_vectors_alone(
    folder, tiny_prepared, tmp_path
):
    settings = TextTowerSettings(strategy="frozen", **{**TINY, "epochs": 1})
    store = StageStore(tmp_path, {})
    found = run(tiny_prepared, settings, folder, store)
    assert list(found.report["rows"]) == ["popularity", "start"]
    texts = tf.constant(tiny_prepared.split.train.item_text.tolist())
    np.testing.assert_allclose(found.recommender.item_vectors, found.tower(texts), atol=1e-5)
    untouched = LanguageModelTower.from_preset(folder, dim=8, max_length=8)
    assert np.abs(found.tower.projection.kernel - untouched.projection.kernel).max() > 1e-3


def test_items_without_any_text_are_refused(folder, tiny_prepared, tmp_path):
    train = tiny_prepared.split.train
    for texts in (None, np.full(train.num_items, "", object)):
        split = dataclasses.replace(
            tiny_prepared.split, train=dataclasses.replace(train, item_text=texts)
        )
        prepared = dataclasses.replace(tiny_prepared, split=split)
        with pytest.raises(ValueError, match="The items should have texts: give --item-text-col"):
            run(prepared, TextTowerSettings(), folder, StageStore(tmp_path, {}))


def test_more_blocks_than_there_are_are_refused_before_anything_trains(
    folder, tiny_prepared, tmp_path
):
    settings = TextTowerSettings(strategy="top:9", **TINY)
    store = StageStore(tmp_path, {})
    with pytest.raises(ValueError, match="`strategy` should name at most the 2 transformer"):
        run(tiny_prepared, settings, folder, store)
