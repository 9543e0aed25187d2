"""Builders of test data with a known truth: real DICOM files and real arrays, nothing mocked."""

from tests.make.dicom import ct_series, pet_series

__all__ = ["ct_series", "pet_series"]
