"""TF_CONFIG: who takes part in a training, and what is wrong where it lies."""

import json
import socket

import pytest

from advrec_tf.training import cluster

TWO = {"worker": ["127.0.0.1:2222", "127.0.0.1:2223"]}


def config(addresses=TWO, kind="worker", index=0):
    return json.dumps({"cluster": addresses, "task": {"type": kind, "index": index}})


def test_the_first_worker_is_the_chief_where_no_other_is_named(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config())
    task = cluster.task_of_this_process()
    assert (task.name, task.address, task.is_chief) == ("worker 0", "127.0.0.1:2222", True)
    monkeypatch.setenv("TF_CONFIG", config(index=1))
    assert not cluster.task_of_this_process().is_chief
    named = {"chief": ["host:1"], **TWO}
    for kind, chief in (("chief", True), ("worker", False)):
        monkeypatch.setenv("TF_CONFIG", config(named, kind))
        assert cluster.task_of_this_process().is_chief is chief


SERVED = {"chief": ["host:1"], "worker": ["host:2"], "ps": ["host:3"]}


def test_the_chief_is_named_where_there_are_parameter_servers(monkeypatch):
    for kind in SERVED:
        monkeypatch.setenv("TF_CONFIG", config(SERVED, kind))
        task = cluster.task_of_this_process(servers=True)
        assert task.name == f"{kind} 0" and task.is_chief is (kind == "chief")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, 'be JSON such as .*"ps": .*Received: no such variable'),
        (config(TWO), "have a `chief` in its cluster. Received: 2 worker"),
        (config({**SERVED, "ps": []}), "have a `ps` in .* Received: 1 chief, 1 worker, 0 ps"),
        (config({"chief": ["host:1"], "ps": ["host:3"]}, "chief"), "have a `worker` in its"),
        (
            config({**SERVED, "evaluator": ["host:4"]}),
            "have a cluster of `ps` and `worker` tasks and at most one `chief`. "
            "Received: `evaluator`",
        ),
        (config({**SERVED, "chief": ["host:1", "host:4"]}), "one `chief`. Received: 2 of them"),
        (config({**SERVED, "ps": ["host:1"]}), "each address once. Received: host:1 twice"),
        (config(SERVED, "ps", 1), r"\(1 chief, 1 worker, 1 ps\). Received: task ps 1"),
    ],
)
def test_a_tf_config_without_what_servers_need_is_refused(monkeypatch, text, said):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=f"^`TF_CONFIG` should .*{said}"):
        cluster.task_of_this_process(servers=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "be JSON such as .*Received: no such variable"),
        ("{", r"be JSON such as .*Received: \{"),
        (json.dumps({"cluster": TWO}), "be JSON such as"),
        (config(index=2), r"a task of its cluster \(2 worker\). Received: task worker 2"),
        (config(index=-1), "Received: task worker -1"),
        (config(kind="chief"), "Received: task chief 0"),
        (config({"worker": ["host"]}), "addresses such as host1:2222. Received: 'host'"),
        (config({"worker": ["host:99999"]}), "Received: 'host:99999'"),
        (config({"worker": ["host:1", "host:1"]}), "each address once. Received: host:1 twice"),
        (config({"ps": ["host:1"], **TWO}), "at most one `chief`. Received: `ps`"),
        (config({"chief": ["host:1", "host:2"], **TWO}), "one `chief`. Received: 2 of them"),
    ],
)
def test_a_tf_config_that_lies_is_refused_by_what_is_wrong(monkeypatch, text, said):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=f"^`TF_CONFIG` should .*{said}"):
        cluster.task_of_this_process()


def test_a_port_in_use_is_named(monkeypatch):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        address = f"127.0.0.1:{held.getsockname()[1]}"
        monkeypatch.setenv("TF_CONFIG", config({"worker": [address]}))
        task = cluster.task_of_this_process()
        with pytest.raises(ValueError, match=f"worker 0 a port .* free. Received: {address}"):
            cluster.require_free_port(task)
    cluster.require_free_port(task)


def test_a_local_cluster_with_servers_names_each_task_once(monkeypatch):
    found = {}
    for name, text in cluster.local_cluster_with_servers(2, 1).items():
        monkeypatch.setenv("TF_CONFIG", text)
        found[name] = cluster.task_of_this_process(servers=True)
    assert [task.name for task in found.values()] == list(found)
    assert list(found) == ["chief 0", "worker 0", "worker 1", "ps 0"]
    assert len({str(task.addresses) for task in found.values()}) == 1
    assert len({task.address for task in found.values()}) == 4


def test_local_clusters_differ_in_the_task_alone(monkeypatch):
    found = []
    for text in cluster.local_clusters(3):
        monkeypatch.setenv("TF_CONFIG", text)
        found.append(cluster.task_of_this_process())
    assert [task.index for task in found] == [0, 1, 2]
    assert len({str(task.addresses) for task in found}) == 1
    assert len(set(found[0].addresses["worker"])) == 3
