"""The one place that states the version; setup.cfg reads it without importing TensorFlow."""

__version__ = "0.2.0"
