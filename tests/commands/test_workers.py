"""The chief writes; the other workers work in a folder that goes with them."""

from pathlib import Path

import pytest

from advrec_tf.commands import workers
from advrec_tf.commands.arguments import Run
from advrec_tf.pipelines.ending import until_the_end
from advrec_tf.training import distribution
from advrec_tf.training.cluster import local_cluster_with_servers, local_clusters


@pytest.fixture
def run(tmp_path):
    (tmp_path / "stages").mkdir()
    for name in ("run.json", "stages/a.npz", "stages/a.checkpoint.npz", "report.json"):
        (tmp_path / name).write_text(name)
    return Run(out=tmp_path, resume=True)


def test_the_chief_writes_where_it_is_told_to(run, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", local_clusters(2)[0])
    assert workers.place_of(run, "models") == (run, "models")
    assert workers.writes({"distribute": "multi_worker"})


def test_a_strategy_is_made_where_one_is_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(
        distribution, "strategy_of", lambda *given, **more: asked.append((given, more))
    )
    assert workers.strategy_of(None, None) is None and not asked
    workers.strategy_of("mirrored", 2)
    assert asked == [(("mirrored",), {"replicas": 2})]
    for distribute, said in ((None, "no --distribute"), ("multi_worker", "multi_worker")):
        with pytest.raises(ValueError, match=f"beside --distribute mirrored.*2 beside {said}"):
            workers.strategy_of(distribute, 2)


def test_of_a_cluster_with_servers_the_chief_alone_writes(monkeypatch):
    for task, config in local_cluster_with_servers(1, 1).items():
        monkeypatch.setenv("TF_CONFIG", config)
        assert workers.writes({"distribute": "parameter_server"}) is (task == "chief 0")


def test_another_worker_goes_on_from_what_the_chief_keeps_and_leaves_nothing(
    run, monkeypatch, capsys
):
    monkeypatch.setenv("TF_CONFIG", local_clusters(2)[1])
    assert not workers.writes({"distribute": "multi_worker"}) and workers.writes({})
    with until_the_end:
        place, export = workers.place_of(run, "models")
        kept = sorted(str(path.relative_to(place.out)) for path in place.out.rglob("*.*"))
        assert kept == ["run.json", "stages/a.checkpoint.npz", "stages/a.npz"]
        assert export is None and place.resume and place.out != run.out
        print("a result")
    assert capsys.readouterr().out == "" and not Path(place.out).exists()
