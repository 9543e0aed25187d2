"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

# `ci` tries the same examples every time and never fails for a slow machine; `dev` goes looking.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=50, database=None)
settings.register_profile(
    "dev", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real images beside the checkout; without it the test is skipped."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real images in ../shared/data, beside the checkout")
    return SHARED_DATA
