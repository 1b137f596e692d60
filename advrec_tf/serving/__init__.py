"""What leaves the house: SavedModels with named signatures, their check and their clients.

Nothing is imported here, so that `c_api`, `folder` and the REST client load without
TensorFlow.
"""
