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


def leave_out_what_a_gpu_runs():
    """From here on graphs do not hold what a GPU would run in the place of a recurrent layer, with
    its gradient: Keras traces it each time, and without a GPU it is never run. Where there is a GPU
    all stays as it is."""
    import tensorflow as tf
    from tf_keras.src.layers.rnn import gru_lstm_utils

    if not tf.config.list_physical_devices("GPU"):
        gru_lstm_utils.function_register = lambda *_, **__: None
