import pytest

pytest.importorskip("sklearn")

from experiments.detection import study


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"detectors": ["magic"]}, "`detectors` should be among.*Received: magic"),
        ({"learned": ["average"]}, "`learned` should be among.*Received: average"),
        ({"parts": ["unseen", "all"]}, "`parts` should be among unseen, labeled, clicks. .*: all"),
    ],
)
def test_unknown_names_are_refused_before_anything_runs(given, message, tmp_path):
    settings = {"sets": [], "seeds": 1, "targets": 1, "learned": [], **given}
    with pytest.raises(ValueError, match=message):
        study.run(run_dir=tmp_path, resume=False, **settings)
    assert not list(tmp_path.iterdir())
