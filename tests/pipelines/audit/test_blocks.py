from advrec_tf.pipelines.audit import blocks


def test_values_are_text():
    assert blocks.number(None) == blocks.percent(None) == "–"
    assert blocks.with_interval([0.25, None]) == "0.250"
    assert blocks.with_interval([0.25, 0.01]) == "0.250 ± 0.010"
    assert blocks.percent(0.123) == "12.3%"
