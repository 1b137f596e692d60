"""advrec_tf: adversarial learning for recommender systems on TensorFlow and Keras.

Importing the package costs milliseconds: it loads neither TensorFlow nor a language-model
library. It does one thing, which has to come first: it selects the Keras generation that
TensorFlow Recommenders needs (Keras 2, the package ``tf_keras``). TensorFlow decides once,
at the first touch of ``tf.keras``, so where that has already happened with Keras 3 the
import fails here, with the cure, instead of deep inside a model.
"""

import os
import sys

from advrec_tf._version import __version__

__all__ = ["__version__"]

_CURE = (
    "Import advrec_tf before anything that touches tf.keras (TensorFlow itself may come first), "
    "or start Python with TF_USE_LEGACY_KERAS=1."
)


def _select_keras_2() -> None:
    chosen = os.environ.get("TF_USE_LEGACY_KERAS")
    if chosen is not None and chosen not in ("1", "true", "True"):
        raise ImportError(
            "advrec_tf needs tf.keras to be Keras 2 (tf_keras), but the environment variable "
            f"TF_USE_LEGACY_KERAS is set to {chosen!r}. Unset it or set it to 1."
        )
    tensorflow = sys.modules.get("tensorflow")
    # Until its first use `tensorflow.keras` is a lazy loader, and the choice is still open;
    # from then on it is the module that was chosen, or a loader that remembers its choice.
    # Read through `vars`: getattr would resolve the loader.
    keras = vars(tensorflow).get("keras") if tensorflow is not None else None
    state = vars(keras) if keras is not None else {}
    if (
        state.get("_tfll_keras_version") == "keras_3"
        or state.get("__name__") == "keras._tf_keras.keras"
    ):
        raise ImportError(
            "advrec_tf needs tf.keras to be Keras 2 (tf_keras), but tf.keras has already been "
            f"loaded as Keras 3 in this process. {_CURE}"
        )
    os.environ["TF_USE_LEGACY_KERAS"] = "1"


_select_keras_2()
