"""Models of one slope, for the tests of wrappers and of what these ask of models."""

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
from tensorflow import keras

X = np.array([[1.0], [3.0]], np.float32)
Y = np.array([[2.0], [2.0]], np.float32)


def line(slope=1.0, *more, **compiled):
    """y = slope x, compiled unless nothing is said."""
    layer = keras.layers.Dense(1, use_bias=False, name="slope")
    model = keras.Sequential([layer, *more])
    model.build([None, 1])
    layer.set_weights([np.array([[slope]])])
    if compiled:
        model.compile(**compiled)
    return model


def sgd(rate=0.1):
    return keras.optimizers.SGD(rate)


class Line(tfrs.Model):
    """The mean squared error of y = slope x, of batches (x, y)."""

    def __init__(self):
        super().__init__()
        self.line = line()

    def compute_loss(self, inputs, training=False):
        x, y = inputs
        return tf.reduce_mean(tf.square(self.line(x) - y))
