"""The one place where Keras enters the package: `tf.keras` as Keras 2 (`tf_keras`).

Everything else imports `keras` from here. Only `advrec_tf.text`, whose language models are Keras 3
models inside Keras 2 layers, imports Keras 3 packages as well.
"""

from tensorflow import keras

__all__ = ["keras"]
