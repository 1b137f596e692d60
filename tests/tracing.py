"""Training without graphs."""

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
