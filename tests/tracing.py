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
    gradient, which Keras traces each time. Where there is a GPU all stays as it is."""
    import tensorflow as tf
    from tf_keras.src.layers.rnn import gru_lstm_utils

    if tf.config.list_physical_devices("GPU"):
        return
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    gru_lstm_utils.function_register = lambda *_, **__: None
