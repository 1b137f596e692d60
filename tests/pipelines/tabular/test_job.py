from unittest import mock

import numpy as np
import pandas as pd
import pytest

from advrec_tf.pipelines.stages import StageStore
from advrec_tf.pipelines.tabular import job
from advrec_tf.pipelines.tabular.settings import TableSettings
from advrec_tf.tabular.files import Table
from advrec_tf.tabular.schema import infer
from tests.tabular.qualities import quality_of


def test_what_the_run_is_for_is_delivered_before_anything_is_measured(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise ValueError("no measure today")

    frame = pd.DataFrame({"a": np.arange(60) % 7, "b": ["x", "y"] * 30})
    table = Table(frame=frame, schema=infer(frame))
    model, delivered = mock.Mock(), []
    monkeypatch.setattr(job, "generator", lambda *args, **kwargs: (model, None))
    monkeypatch.setattr(job, "quality", broken)
    store = StageStore(tmp_path / "run", {}, resume=False)
    with pytest.raises(ValueError, match="no measure today"):
        job.run(table, TableSettings(), store, generators=("gan",), deliver=delivered.append)
    assert delivered == [model]


def test_a_two_sample_test_that_independent_columns_pass_is_said_to_decide_nothing():
    told_apart = {"gan": quality_of(0.55), "marginals": quality_of(0.8)}
    assert job.blunt_measures(told_apart) == []
    [line] = job.blunt_measures({**told_apart, "marginals": quality_of(0.564)})
    assert "columns drawn independently reach the two-sample aim too (0.564)" in line
