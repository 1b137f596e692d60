from advrec_tf.gan import losses
from advrec_tf.pipelines.recommend import settings


def test_names_told_early_are_the_names_there_are():
    assert set(settings.GAN_LOSSES) == set(losses.GAN_LOSSES)
