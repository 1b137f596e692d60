import pytest

from advrec_tf.pipelines.recommend.single_settings import SingleSettings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 0}, "`epochs` should be >= 1. Received: 0."),
        ({"epsilon": float("nan")}, "`epsilon` should be > 0"),
        ({"learning_rate": -1.0}, "`learning_rate` should be > 0"),
        ({"drop": 1.0}, "`drop` should be in"),
        ({"batch_size": 1}, "`batch_size` should be >= 2"),
        ({"adversarial_fraction": 1.5}, "`adversarial_fraction` should be in"),
        ({"split": "half"}, "`split` should be one of last_item"),
        ({"seed": 2**31}, "`seed` should be in"),
        ({"id_share": 2.0}, "`id_share` should be in"),
        ({"id_share": 0.5}, "`id_share` should be given beside `id_table`. Received: 0.5"),
        (
            {"id_table": "multi_hash"},
            "two_tower alone. Received: 'multi_hash', and `model` is 'auto'",
        ),
        ({"id_table": "multi_hash", "model": "sasrec"}, "and `model` is 'sasrec'"),
        ({"new_user_prior": True}, "`new_user_prior` should be off without `use_features` and"),
        ({"model": "autoencoder", "use_features": True}, "the two_tower model takes features"),
        ({"model": "sasrec", "use_context": True}, "the two_tower model takes a context"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_its_name(given, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        SingleSettings(**given)
