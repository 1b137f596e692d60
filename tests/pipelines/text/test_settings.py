import pytest

from advrec_tf.pipelines.text.settings import TextTowerSettings

keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")


@pytest.mark.parametrize(
    "settings",
    [
        *({"strategy": "half"}, {"adversary": "fgsm"}, {"epsilon": -0.1}, {"steps": 0}),
        *({"pooling": "max"}, {"max_length": 2}, {"split": "mine"}, {"learning_rate": 0.0}),
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"`{name}` should be"):
        TextTowerSettings(**settings)
