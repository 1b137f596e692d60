"""The one place where TensorFlow Recommenders enters the package, and all that is used of it."""

import tensorflow_recommenders as tfrs

Model = tfrs.Model
Retrieval = tfrs.tasks.Retrieval
Ranking = tfrs.tasks.Ranking
Cross = tfrs.layers.dcn.Cross

__all__ = ["Cross", "Model", "Ranking", "Retrieval"]
