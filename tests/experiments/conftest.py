import pytest

from tests.tracing import run_eagerly


@pytest.fixture(scope="module", autouse=True)
def without_graphs():
    """What a study asks is tested here; that its models train as graphs, beside the models."""
    with run_eagerly():
        yield
