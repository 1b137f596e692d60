"""Interactions inside the configuration of a model, so that a saved model is loaded whole.

The arrays are packed into one compressed text; nothing in it is code.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf._keras import keras
from advrec_tf.data.features import column_from_dict
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.ops.stored import pack_ids, unpack_ids

_PARTS = ("user_tower", "item_tower", "context_tower", "head", "encoder")


def interactions_to_config(data: Interactions) -> dict:
    """JSON values: pairs, ids, ratings, times, context and what all columns are; not the side
    tables, which are in the towers."""
    columns = {"user_index": data.user_index, "item_index": data.item_index}
    for name in ("rating", "timestamp"):
        if getattr(data, name) is not None:
            columns[name] = getattr(data, name)
    columns |= {**pack_ids("user_ids", data.users.ids), **pack_ids("item_ids", data.items.ids)}
    packed = io.BytesIO()
    np.savez_compressed(packed, **columns)
    config = {
        "arrays": base64.b64encode(packed.getvalue()).decode(),
        "schema": {
            part: [column.as_dict() for column in getattr(data.schema, part)]
            for part in ("user", "item", "context")
        },
    }
    if data.context is not None:
        table = io.BytesIO()
        data.context.to_parquet(table)
        config["context"] = base64.b64encode(table.getvalue()).decode()
    return config


def interactions_from_config(config: Mapping) -> Interactions:
    """What `interactions_to_config` packed."""
    packed = io.BytesIO(base64.b64decode(config["arrays"]))
    # Files of version 0.1 name the columns of the context alone.
    records = config.get("schema", {"context": config.get("columns", [])})
    columns = {part: tuple(map(column_from_dict, found)) for part, found in records.items()}
    context = None
    if "context" in config:
        context = pd.read_parquet(io.BytesIO(base64.b64decode(config["context"])))
    with np.load(packed, allow_pickle=False) as stored:
        data = Interactions(
            user_index=stored["user_index"],
            item_index=stored["item_index"],
            users=Vocabulary(unpack_ids("user_ids", stored)),
            items=Vocabulary(unpack_ids("item_ids", stored)),
            rating=stored.get("rating"),
            timestamp=stored.get("timestamp"),
            context=context,
            kinds={c.name: c.kind for c in columns["context"]} if context is not None else None,
        )
    return data.with_columns(**columns)


def model_config(model: keras.Model, **settings) -> dict:
    """The configuration of a model: its functional parts, interactions and settings."""
    parts = {
        name: keras.saving.serialize_keras_object(getattr(model, name))
        for name in _PARTS
        if getattr(model, name, None) is not None
    }
    data = interactions_to_config(model.interactions)
    return {**parts, "interactions": json.dumps(data), "name": model.name, **settings}


def model_from_config(cls: type, config: Mapping):
    """The model that `model_config` describes, with weights of its own."""
    found = dict(config)
    for name in _PARTS:
        if name in found:
            found[name] = keras.saving.deserialize_keras_object(found[name])
    found["interactions"] = interactions_from_config(json.loads(found["interactions"]))
    return cls(**found)


def settings_to_config(settings) -> dict:
    """A frozen record of settings, others inside it included, as JSON values."""
    return {
        "class_name": type(settings).__name__,
        **{
            field.name: settings_to_config(value) if dataclasses.is_dataclass(value) else value
            for field in dataclasses.fields(settings)
            for value in [getattr(settings, field.name)]
        },
    }


def settings_from_config(config: Mapping, kinds: Sequence[type]):
    """What `settings_to_config` described, of one of the classes `kinds`.

    Raises:
        ValueError: if the class is none of them.
    """
    known = {kind.__name__: kind for kind in kinds}
    name = config["class_name"]
    if name not in known:
        raise ValueError(f"Settings should be one of {', '.join(known)}. Received: {name!r}.")
    values = {
        field: settings_from_config(value, kinds) if isinstance(value, Mapping) else value
        for field, value in config.items()
        if field != "class_name"
    }
    return known[name](**values)
