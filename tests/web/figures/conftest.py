"""One process of Node for all tests of the figures' numbers."""

import pytest
from node_numbers import asking_node


@pytest.fixture(scope="session")
def numbers():
    """Return a function that evaluates an expression of what one of the modules exports, under the name `figure`."""
    with asking_node() as ask:
        yield ask
