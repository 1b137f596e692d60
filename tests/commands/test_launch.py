"""`advrec launch`: a training by several processes, which survives the loss of one."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from advrec_tf.commands.application import main
from advrec_tf.pipelines import launching
from tests.worlds import block_world, tiny_world


def test_each_worker_gets_the_command_and_a_tf_config_of_its_own(monkeypatch):
    called = []
    monkeypatch.setattr(
        launching, "run_together", lambda *given, **more: called.append((given, more)) or 5
    )
    words = ["train", "--data", "x.csv", "--out", "y", "--config", "z.json", "--quiet"]
    with pytest.raises(SystemExit) as stop:
        main(["launch", "--workers", "3", "--", *words])
    (((command, environments), more),) = called
    assert more == {"chief": None, "again": ()}
    assert stop.value.code == 5
    assert command[1:] == ["-m", "advrec_tf", *words, "--distribute", "multi_worker"]
    tasks = [json.loads(own["TF_CONFIG"])["task"]["index"] for own in environments.values()]
    assert list(environments) == ["worker 0", "worker 1", "worker 2"] and tasks == [0, 1, 2]


def test_parameter_servers_stand_beside_a_chief_whose_end_ends_all(monkeypatch):
    called = []
    monkeypatch.setattr(
        launching, "run_together", lambda *given, **more: called.append((given, more)) or 0
    )
    main(["launch", "--workers", "2", "--parameter-servers", "1", "--", "train", "--out", "y"])
    (((command, environments), more),) = called
    assert command[-2:] == ["--distribute", "parameter_server"]
    tasks = ["chief 0", "worker 0", "worker 1", "ps 0"]
    assert list(environments) == tasks
    found = [json.loads(own["TF_CONFIG"])["task"] for own in environments.values()]
    assert [f"{task['type']} {task['index']}" for task in found] == tasks
    assert more == {"chief": "chief 0", "again": ["worker 0", "worker 1"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "--data", "x"], "should be a training"),
        ([], "Received: none."),
        (["train", "--distribute", "mirrored"], "`--distribute` should be left out"),
        (["data", "list"], "should be a training, train or gan or table, as in"),
    ],
)
def test_what_is_no_training_of_several_workers_is_refused(words, said, capfd):
    with pytest.raises(SystemExit):
        main(["launch", "--", *words])
    assert said in capfd.readouterr().err


@pytest.mark.parametrize("command", ["gan", "table"])
def test_generators_are_trained_by_workers_that_train_together_alone(command, monkeypatch, capfd):
    called = []
    monkeypatch.setattr(launching, "run_together", lambda given, *_, **__: called.append(given))
    main(["launch", "--", command, "--out", "y"])
    assert called[0][1:] == [
        "-m",
        "advrec_tf",
        command,
        "--out",
        "y",
        "--distribute",
        "multi_worker",
    ]
    with pytest.raises(SystemExit):
        main(["launch", "--parameter-servers", "1", "--", command, "--out", "y"])
    assert "should be a training, train beside --parameter-servers" in capfd.readouterr().err


def workers_of(launcher):
    path = f"/proc/{launcher.pid}/task/{launcher.pid}/children"
    return [int(pid) for pid in open(path).read().split()]


def launch(words, *more, of=()):
    command = [sys.executable, "-m", "advrec_tf", "launch", *of, "--", "train", *words, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_checkpoint(launcher, folder):
    while not any((folder / "stages").glob("*.checkpoint.npz")):
        assert launcher.poll() is None, launcher.communicate()[0][-3000:]
        time.sleep(0.05)


def ndcg_of(folder):
    return json.loads((folder / "report.json").read_text())["models"]["two_tower"]["ndcg@10"]


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="asks Linux for the workers")
def test_servers_outlive_a_worker_and_resume_after_a_server(tmp_path):
    table = tmp_path / "events.parquet"
    block_world(200, 40, 8).to_parquet(table)
    words = ["--data", str(table), "--model", "two_tower", "--dim", "8", "--adversary", "none"]
    words += ["--batch-size", "64", "--epochs", "60", "--patience", "60", "--out"]
    alone = [sys.executable, "-m", "advrec_tf", "train", *words, str(tmp_path / "alone")]
    subprocess.run(alone, check=True, capture_output=True, timeout=600)
    of = ["--workers", "2", "--parameter-servers", "2"]

    one_less = launch([*words, str(tmp_path / "worker")], of=of)
    wait_for_checkpoint(one_less, tmp_path / "worker")
    os.kill(workers_of(one_less)[1], signal.SIGKILL)
    said = one_less.communicate(timeout=600)[0]
    assert one_less.returncode == 0, said[-3000:]
    assert "[worker 0] ended with status 137; it is started again." in said
    assert "[chief 0] workers      2, each for itself, and 2 parameter servers" in said

    broken = launch([*words, str(tmp_path / "server")], of=of)
    wait_for_checkpoint(broken, tmp_path / "server")
    os.kill(workers_of(broken)[-1], signal.SIGKILL)
    said = broken.communicate(timeout=120)[0]
    assert broken.returncode == 137 and "[ps 1] ended with status 137; the others are" in said
    assert not (tmp_path / "server" / "report.json").exists()

    # Fewer servers go on as well.
    again = launch([*words, str(tmp_path / "server")], "--resume", of=[*of[:3], "1"])
    said = again.communicate(timeout=600)[0]
    assert again.returncode == 0, said[-3000:]
    assert "continues after epoch" in (tmp_path / "server" / "run.log").read_text()
    found = {name: ndcg_of(tmp_path / name) for name in ("alone", "worker", "server")}
    assert found == {name: pytest.approx(found["alone"], rel=0.1) for name in found}, found


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="asks Linux for the workers")
def test_a_killed_worker_ends_the_job_which_resumes_and_ends_with_the_same_report(tmp_path):
    table = tmp_path / "events.parquet"
    tiny_world(60, 20, density=0.4, rated=False).to_parquet(table)
    words = ["--data", str(table), "--epochs", "40", "--patience", "40", "--out"]
    whole = launch([*words, str(tmp_path / "whole")])
    assert "[worker 0] replicas     2" in whole.communicate(timeout=600)[0]

    broken = launch([*words, str(tmp_path / "broken")])
    wait_for_checkpoint(broken, tmp_path / "broken")
    os.kill(workers_of(broken)[1], signal.SIGKILL)
    said = broken.communicate(timeout=120)[0]
    assert broken.returncode and "the others are ended" in said
    assert not (tmp_path / "broken" / "report.json").exists()

    again = launch([*words, str(tmp_path / "broken"), "--resume"])
    said = again.communicate(timeout=600)[0]
    assert again.returncode == 0, said[-3000:]
    log = (tmp_path / "broken" / "run.log").read_text()
    assert "continues after epoch" in log
    reports = [
        json.loads((tmp_path / name / "report.json").read_text()) for name in ("whole", "broken")
    ]
    first, second = ({k: v["ndcg@10"] for k, v in r["models"].items()} for r in reports)
    assert first == second and first


@pytest.mark.slow
def test_a_next_item_model_is_the_same_on_one_device_two_replicas_and_two_workers(tmp_path):
    table, rng = tmp_path / "events.csv", np.random.default_rng(0)
    orders = [(user, (user + place) % 20, place) for user in range(60) for place in range(8)]
    rows = [f"u{user},i{item},{place * 60}" for user, item, place in rng.permutation(orders)]
    table.write_text("\n".join(["user_id,item_id,timestamp", *rows]))
    words = ["--data", str(table), "--model", "sasrec", "--adversary", "none", "--epochs", "2"]
    words += ["--dim", "16", "--blocks", "1", "--length", "10", "--out"]
    found = {}
    for name, before, after in (
        ("one", ["train"], []),
        ("replicas", ["train"], ["--distribute", "mirrored", "--replicas", "2"]),
        ("workers", ["launch", "--workers", "2", "--", "train"], []),
    ):
        command = [sys.executable, "-m", "advrec_tf", *before, *words, str(tmp_path / name), *after]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        assert name == "one" or "replicas     2" in done.stdout
        report = json.loads((tmp_path / name / "report.json").read_text())
        found[name] = report["models"]["sasrec"]["ndcg@10"]
    assert found["one"] > 0
    assert found == {name: pytest.approx(found["one"], abs=1e-4) for name in found}
