"""Tests of `netimg.batch`."""
