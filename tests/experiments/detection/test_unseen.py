import functools

import pytest

pytest.importorskip("sklearn")

from advrec_tf.data.readers.shilling import load_shilling
from advrec_tf.pipelines.stages import StageStore
from experiments.detection import pools, unseen


@pytest.mark.slow
def test_detectors_meet_every_attack_and_a_second_run_takes_them_from_the_store(
    shilling_root, monkeypatch, tmp_path
):
    monkeypatch.setattr(
        unseen, "load_shilling", functools.partial(load_shilling, root=shilling_root)
    )

    def run(resume):
        store = StageStore(tmp_path / "run", {"job": "test"}, resume=resume)
        return unseen.unseen_attacks(
            store,
            "filmTrust",
            detectors=["pca-var-select", "ecod"],
            seeds=1,
            targets=1,
            log=lambda line: None,
        )

    found = run(False)
    assert set(found["ecod"]) == {*pools.GROUPS[0], *pools.GROUPS[1]}
    assert found["pca-var-select"]["random"]["transductive"]
    assert not found["ecod"]["random"]["transductive"]
    assert len(found["ecod"]["random"]["curve"]) == 101
    stages = tmp_path / "run" / "filmTrust" / "stages"
    before = {path.name for path in stages.iterdir()}
    assert run(True) == found
    assert {path.name for path in stages.iterdir()} == before
