import pytest

from advrec_tf.tabular.utility import label_score, synthetic_to_real

pytest.importorskip("sklearn", reason="needs the extra `analysis`")


def test_a_label_torn_from_its_columns_cannot_be_learned(real, shuffled, schema):
    train, test = real.iloc[:300], real.iloc[300:]
    good = synthetic_to_real(train, train, test, schema)
    assert good["measure"] == "auc" and good["real"] > 0.95 and good["ratio"] == 1.0
    torn = synthetic_to_real(train, shuffled.iloc[:300], test, schema)
    assert torn["synthetic"] == pytest.approx(0.5, abs=0.2)


def test_a_label_of_one_value_is_refused(real, schema):
    one = real[real["label"] == "up"]
    with pytest.raises(ValueError, match="should take two values"):
        label_score(one, real, schema)
