"""A detector whose scores are known, for tests of what uses a detector."""

from advrec_tf.defence.detectors.base import Detector


class ByLength(Detector):
    """Suspects long profiles: the length over that of the longest."""

    transductive = True

    def fit(self, interactions, is_fake=None):
        self.counts = interactions.user_counts()
        return self

    def scores_of(self, interactions):
        return self.counts / self.counts.max()


def by_length(seed):
    return ByLength()
