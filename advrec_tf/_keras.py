"""The one place where Keras enters the package: `tf.keras` as Keras 2 (`tf_keras`).

Everything else imports `keras` from here. Only `advrec_tf.text`, whose language models are Keras 3
models inside Keras 2 layers, imports Keras 3 packages as well.
"""

import contextlib
from collections.abc import Iterable, Iterator

from tensorflow import keras

__all__ = ["float32_layers", "keras", "of_keras_3", "require_keras_2"]


@contextlib.contextmanager
def float32_layers() -> Iterator[None]:
    """Layers made within the block compute in float32, whatever the policy of mixed precision."""
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(policy)


def of_keras_3(value) -> bool:
    """Whether a layer, model, optimizer or callback is of Keras 3."""
    return any(base.__module__.startswith("keras.src") for base in type(value).__mro__)


def require_keras_2(argument: str, value) -> None:
    """Refuse objects of Keras 3, which fail deep inside Keras 2 otherwise.

    Raises:
        ValueError: if `value`, or one of the values it lists, is of Keras 3.
    """
    for one in value if isinstance(value, Iterable) and not isinstance(value, str) else [value]:
        if of_keras_3(one):
            raise ValueError(
                f"`{argument}` should be of Keras 2. Received: a {type(one).__name__} of Keras 3. "
                "Write `import advrec_tf` first, then `from tensorflow import keras`, and take "
                f"{type(one).__name__} from that `keras`."
            )
