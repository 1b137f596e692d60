"""The GANs of `advrec gan`, from memory and from shards."""

import warnings

import numpy as np
import pytest

import advrec_tf as ar
from advrec_tf.data.split_parts import Split
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.pipelines.recommend import gan_job
from advrec_tf.pipelines.recommend.gan_settings import GanSettings
from advrec_tf.pipelines.recommend.preparation import Prepared
from advrec_tf.pipelines.recommend.streamed import prepare_stream
from advrec_tf.pipelines.stages import StageResult, StageStore
from tests.worlds import tiny_world


@pytest.fixture(scope="module")
def pattern(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    whole = tiny_world(60, 20, density=0.4, rated=False)
    whole.select(whole.user_index < 35).to_parquet(folder / "1.parquet")
    whole.select(whole.user_index >= 35).to_parquet(folder / "2.parquet")
    return str(folder / "*.parquet")


def prepared(pattern, settings):
    """From shards, and the same rows in memory."""
    streamed = prepare_stream(pattern, {}, settings)
    split = streamed.split
    parts = {"validation": split.validation, "test": split.test}
    held = Split(name=split.name, train=split.train.held(), settings=split.settings, **parts)
    return streamed, Prepared(split=held, counts=streamed.counts, audit=streamed.audit)


def test_the_same_model_fills_up_the_same_users_from_shards_as_from_memory(pattern, monkeypatch):
    settings = GanSettings(generated_min_history=8)
    shards, memory = (gan_job.ProfileTask(data, settings) for data in prepared(pattern, settings))
    models = [task.build(AdversarialLoss()) for task in (shards, memory)]
    expected = memory.generated(models[1])
    for name in ("_held", "by_user"):
        monkeypatch.setattr(CountedInteractions, name, lambda _: pytest.fail("rows were held"))
    found = shards.generated(models[0])
    np.testing.assert_array_equal(found["user_index"], expected["user_index"])
    np.testing.assert_array_equal(found["item_index"], expected["item_index"])
    # up to eight items each, none of which the user has
    counts = np.bincount(found["user_index"], minlength=60) + memory.train.user_counts()
    assert (counts[np.unique(found["user_index"])] == 8).all() and counts.min() == 8


def test_each_user_with_rows_enough_trains_from_shards_as_from_memory(pattern):
    settings = GanSettings(gan_batch_size=1)
    users = [
        sorted(
            int(batch["user_index"][0]) for batch in gan_job.ProfileTask(data, settings).batches()
        )
        for data in prepared(pattern, settings)
    ]
    assert users[0] == users[1] and len(users[0]) > 30


def test_the_sequences_that_train_are_those_of_memory(pattern):
    settings = GanSettings(model="sequences", length=4, gan_batch_size=1)
    shards, memory = (gan_job.SequenceTask(data, settings) for data in prepared(pattern, settings))
    found = sorted(tuple(batch["items"].numpy()[0].tolist()) for batch in shards.batches())
    assert found == sorted(tuple(own) for own in memory._held.items.tolist())
    model = shards.build(AdversarialLoss(weight=0.0))
    rows = shards.rows(StageResult({}, shards.generated(model)), "gan")
    assert rows.items.shape == (60, 4)


@pytest.mark.parametrize("model", ["profiles", "sequences"])
def test_a_run_on_shards_validates_generates_and_goes_on(pattern, tmp_path, model, eagerly):
    settings = GanSettings(model=model, gan_epochs=1, gan_batch_size=40)
    data = prepare_stream(pattern, {}, settings)

    def run(resume):
        identity = {"settings": settings.as_dict()}
        store = StageStore(tmp_path / "run", identity, resume=resume)
        return gan_job.run(data, settings, store, lambda line: None)

    outcome = run(resume=False)
    assert list(outcome.generated) == ["gan", "gan_ablation"]
    assert list(outcome.results["whole"]) == ["popularity", "gan", "gan_ablation"]
    assert outcome.results["whole"]["gan"][0].summary["validation"] > 0
    again = run(resume=True)
    for name, rows in outcome.generated.items():
        np.testing.assert_array_equal(again.generated[name].item_index, rows.item_index)
        assert len(rows) > 0


def test_shards_that_cut_the_rows_of_a_user_are_refused_before_anything_trains(tmp_path):
    world = tiny_world(30, 10, density=0.5, rated=False)
    (tmp_path / "shards").mkdir()
    half = np.arange(len(world)) % 2 == 0
    for name, rows in (("1", half), ("2", ~half)):
        world.select(rows).to_parquet(tmp_path / "shards" / f"{name}.parquet")
    settings = GanSettings()
    data = prepare_stream(str(tmp_path / "shards"), {}, settings)
    store = StageStore(tmp_path / "run", {})
    with pytest.raises(ar.data.DataError, match="in two places.*--together user_id"):
        gan_job.run(data, settings, store, lambda line: None)
    assert not list((tmp_path / "run" / "stages").iterdir())


def test_sequences_are_no_longer_than_the_longest_history(pattern):
    shards, memory = prepared(pattern, GanSettings())
    longest = memory.split.train.user_counts().max()
    said = (
        rf"Sequences have {longest} items.*longest history, {longest} training rows of 60 users,.* "
        rf"Received: {longest + 490}\."
    )
    for data in (shards, memory):
        with pytest.warns(UserWarning, match=said):
            task = gan_job.SequenceTask(data, GanSettings(model="sequences", length=longest + 490))
        assert task.length == longest
        assert task.build(AdversarialLoss("non_saturating", weight=0.0)).length == longest
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            task = gan_job.SequenceTask(data, GanSettings(model="sequences", length=longest))
            assert task.length == longest


def test_nothing_is_generated_where_everybody_has_rows_enough(pattern):
    settings = GanSettings(generated_min_history=1)
    for data in prepared(pattern, settings):
        task = gan_job.ProfileTask(data, settings)
        assert task.nothing == "no user has fewer than 1 rows, so nothing is generated"


def test_a_batch_that_replicas_cannot_share_is_refused_at_the_start(pattern, tmp_path):
    settings = GanSettings(gan_batch_size=5)
    two = type("Two", (), {"num_replicas_in_sync": 2})()
    with pytest.raises(ValueError, match="`gan_batch_size` should be a multiple of the 2 replicas"):
        gan_job.run(None, settings, StageStore(tmp_path, {}), strategy=two)
