from dataclasses import replace

import numpy as np
import pytest

from netimg.reporting.pictures import (
    axial_montage,
    coronal_montage,
    index_document,
    study_pictures,
)
from netimg.reporting.pictures.choose import key_slices
from netimg.reporting.pictures.draw import Window
from netimg.reporting.pictures.montage import Scene
from netimg.reporting.places import lesion_places
from netimg.volume import Volume
from tests.make import result as make
from tests.make.result import PET_GRID


@pytest.fixture(scope="module")
def pictures(shown):
    return study_pictures(shown)


def test_every_lesion_has_a_slice_and_both_thumbnails(pictures, shown):
    for lesion in shown.anatomy.lesions:
        names = {p.name for p in pictures if p.lesion == lesion.id}
        assert names == {f"lesion_{lesion.id}_ct", f"lesion_{lesion.id}_pet_2"}
        assert any(lesion.id in p.caption for p in pictures if p.kind == "axial")


def test_axial_slices_run_from_head_to_feet_and_name_what_they_show(pictures):
    axial = [p for p in pictures if p.kind == "axial"]
    indices = [p.slice_index for p in axial]
    assert indices == sorted(indices, reverse=True)
    showing = next(p for p in axial if p.slice_index == 8)
    assert "slice 9 of 20" in showing.alt
    assert "L1" in showing.alt
    assert "window 50/400 HU" in showing.alt


def test_thumbnails_say_size_and_uptake(pictures):
    by_name = {p.name: p.alt for p in pictures}
    assert "46\u202fmm" in by_name["lesion_L1_ct"]
    assert "SUVmax 20.0" in by_name["lesion_L1_pet_2"]
    assert {p.caption for p in pictures if p.kind == "lesion_pet"} == {"SSTR"}


def test_projections_say_view_scale_and_lesions(pictures):
    front, left = (p for p in pictures if p.kind == "mip")
    assert "from the front" in front.alt
    assert "0 to SUV 15" in front.caption
    assert "outlines of 2 lesions" in front.alt
    assert "from the left" in left.alt


def test_both_projections_of_a_pet_have_one_size_and_one_scale():
    result = make.result()
    deep = replace(PET_GRID, shape=(20, 24, 40))  # less deep than wide
    volume = make.pet_volume()
    flat = Volume(values=volume.values[:, 8:32], grid=deep, quantity=volume.quantity)
    pet = make.pet_series(flat)
    study = replace(result.study, series=(result.study.ct, pet), pets=(pet,))
    front, left = (p for p in study_pictures(replace(result, study=study)) if p.kind == "mip")
    assert front.size == left.size
    edge = np.asarray(left.pixels)[20:60, :20]
    assert edge.max() == 0  # nothing is drawn beyond the PET


def test_a_pet_without_suv_is_drawn_on_its_own_scale():
    mip = next(p for p in study_pictures(make.result(possible=False)) if p.kind == "mip")
    assert "Bq/mL" in mip.alt
    assert "SUV" not in mip.alt


def test_a_study_without_anatomy_has_projections_alone():
    assert {p.kind for p in study_pictures(make.pet_only())} == {"mip"}


def test_masks_on_the_pet_are_shown_on_the_pet():
    kinds = {p.kind for p in study_pictures(make.pet_only(masks=True))}
    assert kinds == {"axial", "coronal", "mip", "lesion_pet"}


def test_key_slices_hold_the_best_slice_of_each_lesion_and_are_not_neighbours(shown):
    image = shown.study.ct.load()
    scene = Scene.of(image, shown.anatomy, Window(0, 1))
    places = lesion_places(shown.anatomy, shown.findings)
    chosen = key_slices(scene, places, 5)
    assert {place.slice_index for place in places.values()} <= set(chosen)
    assert len(chosen) == 5
    steps = np.diff(chosen) * -image.grid.spacing_mm[0]
    assert steps.min() >= 8.0


def test_lesion_colours_are_those_of_the_label_file(pictures):
    thumbnail = next(p for p in pictures if p.name == "lesion_L1_ct")
    assert (thumbnail.pixels == (213, 94, 0)).all(axis=2).any()


@pytest.mark.parametrize("montage", [axial_montage, coronal_montage])
def test_montages_hold_as_many_slices_as_asked(shown, montage):
    picture = montage(shown.study.ct.load(), shown.anatomy, count=3, title="t")
    assert (picture.name, picture.kind) == ("t", "montage")
    assert picture.alt.startswith("3 ")
    assert picture.size[0] <= 1612


def test_a_montage_needs_no_anatomy(shown):
    picture = axial_montage(shown.study.ct.load(), None, count=2)
    assert picture.pixels.any()


def test_image_and_outlines_on_different_grids_are_refused(shown):
    with pytest.raises(ValueError, match="different grids"):
        axial_montage(make.pet_volume(), shown.anatomy)


def test_the_index_lists_file_kind_lesion_slice_and_words(pictures):
    entries = index_document(pictures)["pictures"]
    assert len({e["file"] for e in entries}) == len(entries)
    first = next(e for e in entries if e["file"] == "lesion_L1_ct.png")
    assert first["lesion"] == "L1"
    assert first["slice_index"] == 8
    assert all(e["alt"] for e in entries)


def test_a_lesion_without_voxels_is_left_out(shown):
    lone = replace(
        shown.anatomy, lesions=(*shown.anatomy.lesions, replace(shown.anatomy.lesions[0], number=7))
    )
    names = {p.name for p in study_pictures(replace(shown, anatomy=lone))}
    assert "lesion_L7_ct" not in names
