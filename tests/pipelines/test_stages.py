import shutil

import numpy as np
import pytest

from advrec_tf.ops.stored import DamagedFileError
from advrec_tf.pipelines.stages import StageResult, StageStore, holds_run, nothing_to_resume


def result(value):
    return StageResult({"value": value}, {"array": np.full(3, value)})


def test_a_stage_is_computed_once_and_then_read(tmp_path):
    calls = []

    def compute(checkpoint):
        calls.append(checkpoint)
        return result(1.5)

    store = StageStore(tmp_path, {"seed": 0})
    first = store.run("model", compute)
    again = StageStore(tmp_path, {"seed": 0}, resume=True).run("model", compute)
    assert len(calls) == 1
    assert first.summary == again.summary == {"value": 1.5}
    np.testing.assert_array_equal(again.arrays["array"], [1.5, 1.5, 1.5])


def test_a_stage_that_dies_is_not_stored_and_keeps_its_checkpoint(tmp_path):
    store = StageStore(tmp_path, {})

    def dies(checkpoint):
        checkpoint.write_bytes(b"half way")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.run("model", dies)
    assert not store.has("model")

    def goes_on(checkpoint):
        assert checkpoint.read_bytes() == b"half way"
        return result(2)

    assert store.run("model", goes_on).summary == {"value": 2}
    assert not list(tmp_path.rglob("*.checkpoint*"))


def test_a_second_run_in_the_same_folder_is_refused_without_resume(tmp_path):
    StageStore(tmp_path, {"seed": 0}).run("model", lambda checkpoint: result(1))
    with pytest.raises(FileExistsError, match="--resume"):
        StageStore(tmp_path, {"seed": 0})


def test_resuming_with_other_settings_is_refused_and_says_which(tmp_path):
    store = StageStore(tmp_path, {"settings": {"seed": 0, "epochs": 2}, "data": "a"})
    store.run("model", lambda checkpoint: result(1))
    with pytest.raises(
        ValueError, match=r"holds a run that differs: `seed` was 0 and is 1\. A run"
    ):
        other = {"settings": {"seed": 1, "epochs": 2}, "data": "a"}
        StageStore(tmp_path, other, resume=True)
    with pytest.raises(ValueError, match="`titles` was not given and is b"):
        same = {"settings": {"seed": 0, "epochs": 2}, "data": "a"}
        StageStore(tmp_path, {**same, "titles": "b"}, resume=True)


def test_a_start_that_fails_before_its_first_stage_leaves_the_folder_free(tmp_path):
    StageStore(tmp_path, {"seed": 0})
    StageStore(tmp_path, {"seed": 1})


def test_a_first_stage_that_fails_leaves_the_folder_free_and_a_later_one_does_not(tmp_path):
    def fails(checkpoint):
        raise ValueError("too few items")

    def nested(checkpoint):
        store.run("inner", fails)

    store = StageStore(tmp_path, {"seed": 0})
    with pytest.raises(ValueError, match="too few items"):
        store.run("outer", nested)
    assert not holds_run(tmp_path)
    store = StageStore(tmp_path, {"seed": 1})
    store.run("model", lambda _: result(1.0))
    with pytest.raises(ValueError, match="too few items"):
        store.run("outer", nested)
    assert (tmp_path / "run.json").exists() and holds_run(tmp_path)


@pytest.mark.parametrize("below", ["", "run"])
def test_a_run_folder_that_is_a_file_is_named(tmp_path, below):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="The run folder should be a folder.*file"):
        StageStore(tmp_path / "file" / below, {})
    assert (tmp_path / "file").read_text() == "mine"


VALUES = np.arange(1000.0)


def compute(checkpoint):
    return StageResult({"v": 1}, {"x": VALUES})


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(place):
    def damage(path):
        content = bytearray(path.read_bytes())
        content[place] ^= 64
        path.write_bytes(bytes(content))

    return damage


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("stages/tower.npz", half),
        ("stages/tower.npz", lambda path: path.write_bytes(b"")),
        ("stages/tower.npz", lambda path: path.write_text("hello")),
        ("stages/tower.npz", flipped(0)),
        ("stages/tower.npz", flipped(3000)),
        ("run.json", half),
        ("run.json", lambda path: path.write_text("[]")),
    ],
)
def test_a_damaged_file_is_named_with_its_cure_which_heals_the_run(tmp_path, name, damage):
    StageStore(tmp_path, {"a": 1}).run("tower", compute)
    damage(tmp_path / name)

    def resumed():
        return StageStore(tmp_path, {"a": 1}, resume=True).run("tower", compute)

    with pytest.raises(DamagedFileError) as refused:
        resumed()
    assert name in str(refused.value) and "Remove it" in str(refused.value)
    assert "pickle" not in str(refused.value)
    (tmp_path / name).unlink()
    np.testing.assert_array_equal(resumed().arrays["x"], VALUES)


def test_whatever_byte_of_a_stage_changes_the_result_is_the_same_or_refused(tmp_path):
    StageStore(tmp_path / "whole", {"a": 1}).run("tower", compute)
    content = (tmp_path / "whole" / "stages" / "tower.npz").read_bytes()
    rng, refused = np.random.default_rng(3), 0
    path = tmp_path / "run" / "stages" / "tower.npz"
    shutil.copytree(tmp_path / "whole", tmp_path / "run")
    for trial in range(120):
        changed = bytearray(content)
        if trial % 3 == 0:
            del changed[rng.integers(len(changed)) :]
        elif trial % 3 == 1:
            changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
        else:
            start = rng.integers(len(changed))
            changed[start : start + 16] = rng.bytes(16)
        path.write_bytes(bytes(changed))
        try:
            found = StageStore(tmp_path / "run", {"a": 1}, resume=True).run("tower", compute)
        except DamagedFileError as error:
            assert str(path) in str(error)
            refused += 1
        else:
            assert found.summary == {"v": 1}
            np.testing.assert_array_equal(found.arrays["x"], VALUES)
    assert refused > 100


@pytest.mark.parametrize("resume", [False, True])
def test_stages_without_the_record_of_their_run_are_not_taken_for_those_of_another(
    tmp_path, resume
):
    StageStore(tmp_path, {"epochs": 1}).run("tower", compute)
    (tmp_path / "run.json").unlink()
    with pytest.raises((FileExistsError, ValueError)) as refused:
        StageStore(tmp_path, {"epochs": 99}, resume=resume).run("tower", compute)
    assert ("--resume" if not resume else "`epochs` was 1 and is 99") in str(refused.value)


def test_stages_without_the_record_of_their_run_are_used_where_they_are_its_own(tmp_path):
    StageStore(tmp_path, {"epochs": 1}).run("tower", lambda checkpoint: result(7))
    (tmp_path / "run.json").unlink()
    again = StageStore(tmp_path, {"epochs": 1}, resume=True).run("tower", compute)
    assert again.summary == {"value": 7}


def test_a_checkpoint_without_the_record_of_its_run_is_refused(tmp_path):
    store = StageStore(tmp_path, {"epochs": 1})

    def dies(checkpoint):
        checkpoint.write_bytes(b"half way")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.run("tower", dies)
    (tmp_path / "run.json").unlink()
    with pytest.raises(ValueError, match=r"tower\.checkpoint\.npz.*Remove it"):
        StageStore(tmp_path, {"epochs": 99}, resume=True)


def test_a_stage_copied_from_another_stage_or_run_is_refused(tmp_path):
    store = StageStore(tmp_path / "run", {"epochs": 1})
    store.run("tower", lambda checkpoint: result(1))
    other = StageStore(tmp_path / "other", {"epochs": 2})
    other.run("tower", lambda checkpoint: result(2))
    stages = tmp_path / "run" / "stages"
    shutil.copy(stages / "tower.npz", stages / "ease.npz")
    with pytest.raises(ValueError, match="ease.npz.*is of the stage 'tower'"):
        store.run("ease", compute)
    shutil.copy(tmp_path / "other" / "stages" / "tower.npz", stages / "tower.npz")
    with pytest.raises(ValueError, match="tower.npz.*`epochs` was 2 and is 1.*Remove it"):
        store.run("tower", compute)


def test_of_many_differences_the_settings_are_named_and_the_rest_counted(tmp_path):
    table = {str(item): [item] for item in range(50)}
    StageStore(tmp_path, {"segments": table, "data": "a", "size": 1}).run("t", compute)
    with pytest.raises(ValueError) as refused:
        StageStore(tmp_path, {"segments": {}, "data": "b", "size": 2}, resume=True)
    said = "differs: `data` was a and is b, `size` was 1 and is 2, 50 entries of `segments` are "
    assert said in str(refused.value)


def test_every_setting_that_differs_is_told_as_it_is_typed(tmp_path):
    then = {"dims": [8, 16], "epochs": 2, "k_core": 0, "l2": None, "loss": "bpr", "seed": 0}
    now = {"dims": [8], "epochs": 3, "k_core": 5, "l2": 0.1, "loss": "softmax", "seed": 1}
    StageStore(tmp_path, {"data": "a", "settings": {**then, "prior": True}}).claim()
    (tmp_path / "stages" / "tower.npz").touch()
    with pytest.raises(ValueError) as refused:
        StageStore(tmp_path, {"data": "b", "settings": {**now, "prior": False}}, resume=True)
    assert str(refused.value).startswith(
        f"{tmp_path} holds a run that differs: `dims` was 8 16 and is 8, `epochs` was 2 and is 3, "
        "`k_core` was 0 and is 5, `l2` was not given and is 0.1, `loss` was bpr and is softmax, "
        "`prior` was on and is off, `seed` was 0 and is 1, `data` was a and is b. A run is resumed"
    )


def test_of_a_hash_the_beginning_is_told(tmp_path):
    StageStore(tmp_path, {"data_sha256": "0" * 64}).run("tower", compute)
    with pytest.raises(ValueError, match=r"was 0{12}\.\.\. and is f{12}\.\.\.\. A run"):
        StageStore(tmp_path, {"data_sha256": "f" * 64}, resume=True)


def test_a_folder_holds_a_run_from_its_first_stage_on(tmp_path):
    store = StageStore(tmp_path, {})
    assert not holds_run(tmp_path)
    store.run("tower", compute)
    assert holds_run(tmp_path)


def test_a_part_has_an_identity_of_its_own_beside_that_of_its_run(tmp_path):
    StageStore(tmp_path, {"epochs": 1}).part("world", data="a").run("tower", compute)
    assert holds_run(tmp_path) and (tmp_path / "world" / "stages" / "tower.npz").exists()
    store = StageStore(tmp_path, {"epochs": 1}, resume=True)
    assert store.part("world", data="a").has("tower") and not store.part("other", data="b").has("t")
    with pytest.raises(ValueError, match="world holds a run that differs: `data` was a and is b"):
        store.part("world", data="b")
    with pytest.raises(ValueError, match="differs: `epochs`"):
        StageStore(tmp_path, {"epochs": 2}, resume=True)


def test_a_study_may_keep_its_runs_in_folders_of_its_own(tmp_path):
    assert nothing_to_resume(tmp_path) == f"{tmp_path} holds no run to resume. A new run starts."
    (tmp_path / "filmTrust" / "stages").mkdir(parents=True)
    assert nothing_to_resume(tmp_path) is not None
    (tmp_path / "filmTrust" / "stages" / "a.npz").touch()
    assert nothing_to_resume(tmp_path) is None
    assert not holds_run(tmp_path)  # a new run may start there
