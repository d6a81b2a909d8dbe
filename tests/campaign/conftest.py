from __future__ import annotations

import pytest

from blobs import Blobs, make_blobs


@pytest.fixture
def easy() -> Blobs:
    return make_blobs(4000, 1.2)


@pytest.fixture
def hopeless() -> Blobs:
    return make_blobs(2000, 60.0)
