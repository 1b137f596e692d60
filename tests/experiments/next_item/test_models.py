import pytest

from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.pipelines.stages import StageStore
from experiments.next_item import models, page, protocols, study
from tests.experiments.next_item.test_protocols import by_day

FULL = "SASRec, full softmax"
ATTACKED = f"{FULL}, FGSM on items and places"
BLENDED = f"{FULL}, with transitions"
NOISE = f"{FULL}, noise on items and places"


def test_an_attacked_row_names_its_ablation_and_its_control():
    rows = models.models(models.SHORT)
    assert (rows[ATTACKED].ablation, rows[ATTACKED].control) == (FULL, NOISE)
    assert rows[NOISE].ablation == FULL


@pytest.mark.slow
def test_trained_rows_stand_beside_what_counts(tmp_path, monkeypatch):
    small = EncoderSize(length=4, dim=8, blocks=1, heads=1, dropout=0.0)
    asked = {"last day": by_day(refit=True, metrics=("hit_rate@1",), size=small)}
    monkeypatch.setitem(protocols.DATA, "ring", asked)
    monkeypatch.setattr(models, "EPOCHS", 10)
    store = StageStore(tmp_path, {"job": "test"})
    said = []
    asked = [FULL, ATTACKED, BLENDED]
    found = study.run("ring", store, trained=asked, log=said.append)["last day"]
    rows = found["entries"]
    assert {"transitions", *asked} <= set(rows) and NOISE not in rows
    assert found["left_out"]["BERT4Rec, full softmax"] == "not run yet"
    assert rows[FULL]["epochs"] in ([5], [10])
    text = page.markdown(
        {"name": "ring", "command": "c", "about": {}, "protocols": {"last day": found}},
        tmp_path / "page.md",
    )
    assert f"- {ATTACKED} against {FULL}: " in text
    with pytest.raises(ValueError, match="`trained` should name trained rows, or be 'all'"):
        study.run("ring", store, trained=["SASRec"])
