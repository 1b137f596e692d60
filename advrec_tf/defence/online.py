"""Online scoring of profiles: features and random forest as one TensorFlow graph.

The graph takes items and ratings of profiles, measures the features that need neither neighbors nor
times against the stored reference, and evaluates the trees of a fitted forest. It needs neither
this package nor scikit-learn; saving it is left to `serving.fraud`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.defence.features import PROFILE_FEATURES, RATING_FEATURES
from advrec_tf.defence.item_statistics import CLASSES, ItemStatistics

ONLINE_FEATURES = RATING_FEATURES + PROFILE_FEATURES
"""The features that the graph can measure; an exported forest may read no others."""


class ForestGraph(tf.Module):
    """A fitted scikit-learn forest of classification trees as tensors.

    All trees are evaluated together, one level at a time; the child of a leaf is the leaf.

    Args:
        forest: RandomForestClassifier of two classes; the score is that of the second.
    """

    def __init__(self, forest):
        super().__init__(name="forest")
        trees = [estimator.tree_ for estimator in forest.estimators_]
        most = max(tree.node_count for tree in trees)

        def padded(name, fill, dtype):
            table = np.full((len(trees), most), fill, dtype)
            for row, tree in zip(table, trees, strict=True):
                row[: tree.node_count] = getattr(tree, name)
            return table

        feature = padded("feature", -2, np.int32)
        leaf = feature < 0
        own = np.broadcast_to(np.arange(most, dtype=np.int32), feature.shape)
        self.feature = tf.constant(np.where(leaf, 0, feature))
        # scikit-learn compares float32 features with float64 thresholds.
        self.threshold = tf.constant(padded("threshold", 0.0, np.float64))
        self.left = tf.constant(np.where(leaf, own, padded("children_left", 0, np.int32)))
        self.right = tf.constant(np.where(leaf, own, padded("children_right", 0, np.int32)))
        fraction = np.zeros((len(trees), most), np.float32)
        for row, tree in zip(fraction, trees, strict=True):
            value = tree.value[:, 0, :]
            row[: tree.node_count] = value[:, 1] / value.sum(axis=1)
        self.fraction = tf.constant(fraction)
        self.depth = int(max(tree.max_depth for tree in trees))

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """[batch, features] float32 -> [batch] float32 in [0, 1].

        The mean over the trees of the fraction of fakes in the leaf.
        """
        batch = tf.shape(values)[0]
        trees = self.feature.shape[0]
        node = tf.zeros([batch, trees], tf.int32)

        def of(table, node):
            return tf.transpose(tf.gather(table, tf.transpose(node), axis=1, batch_dims=1))

        def step(level, node):
            read = tf.gather(values, of(self.feature, node), axis=1, batch_dims=1)
            goes_left = tf.cast(read, tf.float64) <= of(self.threshold, node)
            return level + 1, tf.where(goes_left, of(self.left, node), of(self.right, node))

        _, node = tf.while_loop(lambda level, _: level < self.depth, step, (0, node))
        return tf.reduce_mean(of(self.fraction, node), axis=1)


class FeatureGraph(tf.Module):
    """The features of ragged profiles, equal to those of `features` up to rounding.

    Args:
        items: statistics of the reference.
        names: features to measure, among `ONLINE_FEATURES`, in this order.

    Raises:
        ValueError: if a feature cannot be measured online.
    """

    def __init__(self, items: ItemStatistics, names: Sequence[str]):
        super().__init__(name="features")
        rated = items.mean is not None
        possible = ONLINE_FEATURES if rated else PROFILE_FEATURES
        missing = [name for name in names if name not in possible]
        if missing:
            raise ValueError(
                f"`names` should be among {', '.join(possible)}. Received: {', '.join(missing)}."
            )
        self.names, self.rated = tuple(names), rated

        # The last entry is that of an item unknown to the reference.
        def with_unknown(values, unknown, dtype=np.float32):
            return tf.constant(np.append(values, unknown).astype(dtype))

        self.degree = with_unknown(items.degree, 1.0)
        self.seen = with_unknown(items.seen, 0.0)
        self.item_class = with_unknown(items.item_class, 0, np.int32)
        self.class_fraction = tf.constant(items.class_fraction, tf.float32)
        self.mean_length = float(items.mean_length)
        self.length_sum = max(float(items.length_sum), 1.0)
        if rated:
            self.item_mean = with_unknown(items.mean, items.global_mean)
            self.global_mean = float(items.global_mean)
            self.highest, self.lowest = float(items.highest), float(items.lowest)

    def __call__(self, row: tf.Tensor, item: tf.Tensor, rating: tf.Tensor, batch: tf.Tensor):
        """Entries of profiles -> features.

        Args:
            row: [entries] int32, the profile of each entry, rising; every profile has an entry.
            item: [entries] int32, the last index for an unknown item.
            rating: [entries] float32; not read where the reference has no ratings.
            batch: number of profiles.

        Returns:
            [batch, features] float32.
        """
        count = tf.math.unsorted_segment_sum(tf.ones_like(rating), row, batch)

        def mean(values, mask=None):
            if mask is None:
                return tf.math.unsorted_segment_sum(values, row, batch) / tf.maximum(count, 1.0)
            mask = tf.cast(mask, tf.float32)
            total = tf.math.unsorted_segment_sum(values * mask, row, batch)
            return total / tf.maximum(tf.math.unsorted_segment_sum(mask, row, batch), 1.0)

        columns = self._of_profile(row, item, count, mean, batch)
        if self.rated:
            columns |= self._of_ratings(row, item, rating, count, mean, batch)
        return tf.stack([columns[name] for name in self.names], axis=1)

    def _of_profile(self, row, item, count, mean, batch):
        degree = tf.gather(self.degree, item)
        logs = tf.math.log1p(degree)
        popularity = mean(logs)
        spread = tf.sqrt(mean(tf.square(logs - tf.gather(popularity, row))))
        # One key sorts by profile, then by degree.
        by_degree = tf.argsort(degree, stable=True)
        order = tf.gather(by_degree, tf.argsort(tf.gather(row, by_degree), stable=True))
        ordered = tf.gather(degree, order)
        number = tf.cast(count, tf.int32)
        first = tf.cumsum(number, exclusive=True)
        last = first + number - 1
        classes = tf.math.unsorted_segment_sum(
            tf.one_hot(tf.gather(self.item_class, item), CLASSES), row, batch
        )
        fraction = (classes + self.class_fraction) / (count + 1.0)[:, None]
        shift = tf.reduce_sum(fraction * tf.math.log(fraction / self.class_fraction), 1) / np.log(
            2.0
        )
        return {
            "length_var": tf.abs(count - self.mean_length) / self.length_sum,
            "mud": mean(degree),
            "rud": tf.gather(ordered, last) - tf.gather(ordered, first),
            "qud": tf.gather(ordered, first + (number - 1) // 4),
            "popularity": popularity,
            "pop_spread": spread,
            "pop_shift": shift,
            "new_share": mean(1.0 - tf.gather(self.seen, item)),
            "length": tf.math.log(tf.maximum(count, 1.0)),
        }

    def _of_ratings(self, row, item, rating, count, mean, batch):
        degree = tf.gather(self.degree, item)
        deviation = rating - tf.gather(self.item_mean, item)
        weighted = tf.abs(deviation) / degree
        peak = tf.math.unsorted_segment_max(rating, row, batch)
        target = tf.equal(rating, tf.gather(peak, row))
        others = tf.math.unsorted_segment_sum(tf.cast(~target, tf.float32), row, batch)
        own = mean(rating)
        odd = mean(tf.square(deviation - tf.gather(own, row) + self.global_mean))
        varied = mean(tf.square(rating - tf.gather(own, row)))
        # Each entry knows how often its rating stands in its profile: equal bits, equal key.
        bits = tf.cast(tf.bitcast(rating, tf.uint32), tf.int64)
        key = tf.cast(row, tf.int64) * 2**32 + bits
        unique = tf.unique_with_counts(key)
        often = tf.cast(tf.gather(unique.count, unique.idx), tf.float32)
        fraction = often / tf.gather(tf.maximum(count, 1.0), row)
        filler_gap = tf.abs(mean(rating, target) - mean(rating, ~target))
        return {
            "rdma": mean(weighted),
            "wdma": mean(weighted / degree),
            "wda": mean(weighted) * count,
            "fmtd": tf.where(others > 0, filler_gap, 0.0),
            "mean_var": mean(tf.square(deviation), ~target),
            "hv": tf.math.divide_no_nan(odd, varied),
            "entropy": mean(-tf.math.log(fraction)) / np.log(2.0),
            "top_share": mean(tf.cast(rating >= self.highest, tf.float32)),
            "low_share": mean(tf.cast(rating <= self.lowest, tf.float32)),
        }


class OnlineScorer(tf.Module):
    """Profiles as (profile, item, rating) entries -> suspicion in [0, 1]."""

    def __init__(self, items: Vocabulary, statistics: ItemStatistics, names, forest):
        super().__init__(name="online_scorer")
        self.measure = FeatureGraph(statistics, names)
        self.forest = ForestGraph(forest)
        keys = tf.constant([str(item) for item in items.ids])
        values = tf.range(len(items), dtype=tf.int32)
        initializer = tf.lookup.KeyValueTensorInitializer(keys, values)
        self.table = tf.lookup.StaticHashTable(initializer, default_value=len(items))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int32, name="profile"),
            tf.TensorSpec([None], tf.string, name="item_id"),
            tf.TensorSpec([None], tf.float32, name="rating"),
        ]
    )
    def score(self, profile, item_id, rating):
        """Entries of profiles 0..n-1, in any order, at least one each.

        Returns:
            `suspicion` [n] float32 in [0, 1]; `features` [n, features] float32.
        """
        sizes = tf.debugging.assert_equal(
            tf.stack([tf.size(item_id), tf.size(rating)]),
            tf.stack([tf.size(profile), tf.size(profile)]),
            "`profile`, `item_id` and `rating` should have the same length",
        )
        batch = tf.reduce_max(tf.concat([profile, [-1]], 0)) + 1
        present = tf.math.unsorted_segment_sum(tf.ones_like(profile), profile, batch)
        used = tf.debugging.assert_positive(
            present, "`profile` should number profiles 0..n-1, each used"
        )
        # Otherwise a gather may fail first, with a message that says less.
        with tf.control_dependencies([sizes, used]):
            profile = tf.identity(profile)
        order = tf.argsort(profile, stable=True)
        row = tf.gather(profile, order)
        item = self.table.lookup(tf.gather(item_id, order))
        values = self.measure(row, item, tf.gather(rating, order), batch)
        return {"suspicion": self.forest(values), "features": values}
