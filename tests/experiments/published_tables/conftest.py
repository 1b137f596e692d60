import json

import pytest

from experiments.published_tables import study
from experiments.published_tables.models import MODELS, ModelSpec
from experiments.published_tables.tables import TABLES
from tests.experiments.published_tables.toy import make_table, shifted_scores


@pytest.fixture
def tiny_table(monkeypatch):
    """The table "tiny", by `make_table`; returns a function that changes it."""
    shift = ModelSpec(train=shifted_scores, space={"size": (0, 1, 2), "b": (7,)})
    shifted = ModelSpec(
        train=shifted_scores, settings_from="shift", override={"size": 5}, ablation="shift"
    )
    monkeypatch.setitem(MODELS, "shift", shift)
    monkeypatch.setitem(MODELS, "shifted", shifted)

    def change(**changes):
        monkeypatch.setitem(TABLES, "tiny", make_table(**changes))

    change()
    return change


@pytest.fixture
def reproduce(tmp_path, tiny_table):
    """(settings of `study.run`) -> the report of the table "tiny"."""

    def run(**settings):
        options = {"seeds": 3, "workers": 0, "log": lambda line: None, **settings}
        report = study.run(
            "tiny",
            run_dir=tmp_path / "run",
            settings_file=tmp_path / "settings.json",
            **options,
        )
        return report | {"command": "a command", "settings_file": "settings.json"}

    return run


@pytest.fixture
def earlier_report(tmp_path, reproduce):
    """The report of a whole search, as the file tiny.json; the next run is in a new folder."""
    report = reproduce(budget=3)
    (tmp_path / "tiny.json").write_text(json.dumps(report))
    (tmp_path / "run").rename(tmp_path / "first")
    return report
