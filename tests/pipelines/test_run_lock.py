import os
import subprocess
import sys

import pytest

from advrec_tf.pipelines.run_lock import sole_run


def test_a_folder_has_one_run_at_a_time_and_is_free_when_its_process_dies(tmp_path):
    pytest.importorskip("fcntl")
    code = (
        "import sys; from advrec_tf.pipelines.run_lock import sole_run\n"
        f"with sole_run({str(tmp_path)!r}, command='train it'):\n"
        "    print('in', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as other:
        assert other.stdout.readline() == "in\n"
        wanted = f"should be used by one run at a time.*process {other.pid} on .*`train it`"
        with pytest.raises(ValueError, match=wanted), sole_run(tmp_path):
            pass
        other.kill()
    with sole_run(tmp_path):
        pass


def test_who_held_a_lock_before_is_not_told(tmp_path):
    pytest.importorskip("fcntl")
    with sole_run(tmp_path, command="a long command " * 20):
        pass
    with sole_run(tmp_path, command="short"):
        with pytest.raises(ValueError, match=f"process {os.getpid()} .*`short`") as refused:
            with sole_run(tmp_path):
                pass
    assert "long" not in str(refused.value)


@pytest.mark.parametrize("below", ["", "run"])
def test_a_run_folder_that_is_a_file_is_named(tmp_path, below):
    (tmp_path / "file").write_text("mine")
    with (
        pytest.raises(ValueError, match="The run folder should be a folder"),
        sole_run(tmp_path / "file" / below),
    ):
        pass
