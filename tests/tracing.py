"""Training without graphs, and graphs that are made in less time."""

import contextlib


@contextlib.contextmanager
def run_eagerly():
    """Training runs step by step: tracing and compiling the graph of a small model costs more than
    its few steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def make_graphs_lighter():
    """From here on graphs run as they are traced: to rewrite one costs more than its few runs in a
    test. Nor do they hold what a GPU would run in the place of a recurrent layer, with its
    gradient, which Keras traces each time. Where there is a GPU all that stays as it is.

    AutoGraph, which rewrites Python's `if` and `for` for tensors, leaves the functions of this
    package alone, as it does those of Keras: none but `models.dealt` needs it, whose function is
    rewritten all the same since `tf.function` is given it directly. Layers and losses of a user
    are rewritten as ever where Keras calls them."""
    import tensorflow as tf
    from tensorflow.python.autograph.core import config
    from tf_keras.src.layers.rnn import gru_lstm_utils

    config.CONVERSION_RULES = (config.DoNotConvert("advrec_tf"), *config.CONVERSION_RULES)
    if tf.config.list_physical_devices("GPU"):
        return
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    gru_lstm_utils.function_register = lambda *_, **__: None
