"""Phantoms that several tests look at, made once."""

import json

import pytest

from netimg.phantoms import write_phantom

COARSE = (6.0, 4.0, 4.0)


@pytest.fixture(scope="session")
def spheres(tmp_path_factory):
    """The phantom of spheres with coarse voxels: folder."""
    return write_phantom(
        tmp_path_factory.mktemp("phantom") / "a", preset="spheres", spacing_mm=COARSE
    )


@pytest.fixture(scope="session")
def truth(spheres):
    """Its truth.json."""
    return json.loads((spheres / "truth.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def row(truth):
    """A row of its truth by id and name."""
    rows = {(r["id"], r["name"]): r for r in truth["findings"]}
    return lambda id_, name: rows[(id_, name)]
