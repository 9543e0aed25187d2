"""HU of the organs that tell a contrast phase, from a first look and from given masks."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from netimg.anatomy import Anatomy
from netimg.segmentation import locate, segment
from netimg.segmentation.organ_hu import _without_border, organ_medians
from netimg.volume import LabelMap, Mask, Quantity, Volume
from tests.make import arrays

ON = arrays.grid((50, 60, 60), (3.0, 3.0, 3.0))
HU = {24: 152.0, 22: 171.0, 23: 128.0, 31: 118.0, 32: 190.0, 33: 194.0}
PLACES = {
    24: ((150.0, 30.0, 75.0), (9.0, 9.0, 60.0)),
    22: ((60.0, 120.0, 60.0), (12.0, 9.0, 15.0)),
    31: ((150.0, 130.0, 90.0), (18.0, 15.0, 24.0)),
    32: ((150.0, 80.0, 30.0), (15.0, 15.0, 21.0)),
    33: ((25.0, 150.0, 30.0), (15.0, 15.0, 21.0)),
}
LIVER = ((75.0, 75.0, 100.0), (42.0, 36.0, 36.0))


def painted(noise_hu=0.0):
    """Return a CT whose organs have the values of `HU`, a rim of 1 voxel being off by 300 HU."""
    labels = np.zeros(ON.shape, dtype=np.uint16)
    labels[arrays.ellipsoid(ON, *LIVER)] = 1
    for code, place in PLACES.items():
        labels[arrays.ellipsoid(ON, *place)] = code
    cava = arrays.ellipsoid(ON, (110.0, 110.0, 75.0), (9.0, 9.0, 70.0)) & (labels == 0)
    labels[cava] = 23
    values = np.full(ON.shape, -100.0)
    for code, hu in {1: 104.0, **HU}.items():
        values[labels == code] = hu
    values += np.random.default_rng(7).normal(0.0, noise_hu, ON.shape)
    ct = Volume(values=values.astype(np.float32), grid=ON, quantity=Quantity.HU)
    return ct, LabelMap(labels=labels, grid=ON)


def body(labels, lesion=None):
    liver = labels.mask(1)
    return Anatomy.from_masks(
        liver, Mask(voxels=lesion, grid=ON) if lesion is not None else None,
        organs=LabelMap(labels=np.where(labels.labels > 1, labels.labels, np.uint16(0)), grid=ON),
    )  # fmt: skip


def test_given_masks_give_the_median_of_each_structure():
    ct, labels = painted()
    found = organ_medians(ct, body(labels))
    assert (found.liver, found.aorta, found.portal_vein) == (104.0, 152.0, 171.0)
    assert (found.spleen, found.cava) == (118.0, 128.0)
    assert HU[32] <= found.kidney <= HU[33]
    assert (found.renal_pelvis, found.stand_in, found.absent) == (None, False, {})


def test_the_border_is_left_out():
    """A rim of one 3 mm voxel that is off by 300 HU moves no median."""
    ct, labels = painted()
    values = np.array(ct.values)
    for code in (1, *HU):
        mask = labels.labels == code
        values[mask & ~ndimage.binary_erosion(mask)] += 300.0
    found = organ_medians(replace(ct, values=values), body(labels))
    assert (found.liver, found.aorta) == (104.0, 152.0)


@pytest.mark.parametrize("spacing_mm", [(3.0, 3.0, 3.0), (5.0, 0.8, 0.8), (2.0, 1.0, 1.5)])
def test_a_voxel_counts_if_its_centre_is_farther_than_2_mm_from_every_face(spacing_mm):
    inside = np.ones((9, 15, 15), dtype=bool)
    kept = _without_border(inside, spacing_mm)
    for axis, step_mm in enumerate(spacing_mm):
        middle = [n // 2 for n in inside.shape]
        line = kept[tuple(slice(None) if k == axis else middle[k] for k in range(3))]
        n = inside.shape[axis]
        faces = np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5) * step_mm
        assert line.tolist() == (faces > 2.0).tolist()


def test_lesions_are_not_liver():
    ct, labels = painted()
    lesion = arrays.ellipsoid(ON, LIVER[0], (33.0, 30.0, 30.0))
    values = np.array(ct.values)
    values[lesion] = 40.0
    ct = replace(ct, values=values)
    assert organ_medians(ct, body(labels, lesion)).liver == 104.0


def test_the_vena_cava_is_read_below_the_liver():
    ct, labels = painted()
    heights = arrays.points_of(ON)[..., 2]
    values = np.array(ct.values)
    lowest = heights[labels.labels == 1].min()
    values[(labels.labels == 23) & (heights >= lowest)] = 240.0
    assert organ_medians(replace(ct, values=values), body(labels)).cava == 128.0


def test_what_nobody_outlined_has_its_reason():
    ct, labels = painted()
    only = Anatomy.from_masks(labels.mask(1), None)
    found = organ_medians(ct, only)
    assert (found.liver, found.aorta) == (104.0, None)
    assert found.absent["aorta"] == "nobody outlined it"
    thin = np.where(labels.labels == 24, np.uint16(0), labels.labels)
    thin[20, 10, 40:44] = 24
    found = organ_medians(ct, body(LabelMap(labels=thin, grid=ON)))
    assert found.absent["aorta"] == "nothing is left of it without 2 mm of its border"


def test_a_first_look_gives_the_liver_and_says_why_the_rest_is_absent(settings, liver_ct):
    found = locate(liver_ct, settings=settings)
    assert found.liver == pytest.approx(110.0, abs=5.0)
    assert "does not outline it at first sight" in found.absent["aorta"]
    assert set(found.absent) == {"aorta", "portal_vein", "spleen", "cava", "kidney"}


def test_after_a_first_look_the_same_ct_is_segmented_to_the_same_bits(settings, liver_ct):
    alone = segment(liver_ct, settings=settings)
    locate(liver_ct, settings=settings)
    after = segment(liver_ct, settings=settings)
    assert np.array_equal(alone.liver.voxels, after.liver.voxels)
    assert [line for line in after.log if "s" not in line] == [
        line for line in alone.log if "s" not in line
    ]


def test_a_first_look_is_not_repeated_by_the_run_on_the_same_ct(settings, liver_ct, caplog):
    other = replace(liver_ct, values=liver_ct.values + 1.0)
    with caplog.at_level(logging.INFO, logger="netimg.segmentation"):
        for ct in (liver_ct, other):
            locate(ct, settings=settings)
        before = stages(caplog)
        segment(liver_ct, settings=settings)
        assert stages(caplog) == before  # the one network of this model had run already
        segment(liver_ct, settings=settings)
        assert stages(caplog) == before + 1


def stages(caplog):
    return sum(record.message == "stage" for record in caplog.records)


def test_without_a_liver_nothing_is_located_and_it_is_said(settings, liver_ct):
    soft = replace(liver_ct, values=np.minimum(liver_ct.values, -150.0))
    found = locate(soft, settings=settings)
    assert found.liver is None
    assert found.absent["liver"] == "no liver was found"


def test_an_image_outside_the_card_is_not_looked_at(settings, liver_ct):
    short = replace(
        liver_ct,
        values=liver_ct.values[:4],
        grid=replace(liver_ct.grid, shape=(4, *liver_ct.grid.shape[1:])),
    )
    found = locate(short, settings=settings)
    assert found.liver is None
    assert found.absent["liver"].startswith("SEG-10")
