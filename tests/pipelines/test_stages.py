import subprocess
import sys

import numpy as np
import pytest

from advrec_tf.pipelines.stages import StageResult, StageStore, sole_run


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
        ValueError, match=r"differs in settings.seed: `settings.seed` was 0 and is 1"
    ):
        other = {"settings": {"seed": 1, "epochs": 2}, "data": "a"}
        StageStore(tmp_path, other, resume=True)


def test_a_start_that_fails_before_its_first_stage_leaves_the_folder_free(tmp_path):
    StageStore(tmp_path, {"seed": 0})
    StageStore(tmp_path, {"seed": 1})


def test_a_folder_has_one_run_at_a_time_and_is_free_when_its_process_dies(tmp_path):
    pytest.importorskip("fcntl")
    code = (
        "import sys; from advrec_tf.pipelines.stages import sole_run\n"
        f"with sole_run({str(tmp_path)!r}): print('in', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as other:
        assert other.stdout.readline() == "in\n"
        with pytest.raises(ValueError, match="should be used by one run at a time"):
            with sole_run(tmp_path):
                pass
        other.kill()
    with sole_run(tmp_path):
        pass


@pytest.mark.parametrize("below", ["", "run"])
def test_a_run_folder_that_is_a_file_is_named(tmp_path, below):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="The run folder should be a folder.*file"):
        StageStore(tmp_path / "file" / below, {})
    with (
        pytest.raises(ValueError, match="The run folder should be a folder"),
        sole_run(tmp_path / "file" / below),
    ):
        pass
    assert (tmp_path / "file").read_text() == "mine"
