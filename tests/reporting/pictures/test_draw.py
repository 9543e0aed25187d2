import numpy as np
import pytest

from netimg.reporting.pictures.draw import Field, Outline, Window, _border, _grey, drawn
from netimg.reporting.pictures.lettering import lettered
from netimg.reporting.pictures.picture import Picture
from netimg.reporting.pictures.planes import AXIAL_LETTERS, Plane

ORANGE = (213, 94, 0)


def plane(values, row_mm=1.0, column_mm=1.0):
    return Plane(np.asarray(values, np.float32), row_mm, column_mm, AXIAL_LETTERS)


def centres(count, scale):
    return (np.arange(count * scale) + 0.5) / scale


def test_the_outline_is_one_pixel_wide_and_runs_along_voxel_borders():
    mask = np.zeros((6, 6), bool)
    mask[2:4, 1:5] = True
    border = _border(mask, centres(6, 10), centres(6, 10))
    block = np.zeros((60, 60), bool)
    block[20:40, 10:50] = True
    inner = np.zeros((60, 60), bool)
    inner[21:39, 11:49] = True
    assert np.array_equal(border, block & ~inner)


def test_the_window_maps_its_ends_to_black_and_white():
    values = np.array([[-160.0, 40.0, 240.0, 1000.0]])
    grey = _grey(values, np.array([0.5]), np.arange(4) + 0.5, Window.of(40, 400))
    assert grey[0].tolist() == [0, 128, 255, 255]
    inverted = _grey(values, np.array([0.5]), np.arange(4) + 0.5, Window(-160, 240, inverted=True))
    assert inverted[0].tolist() == [255, 128, 0, 0]


def test_values_between_pixel_centres_are_linear_and_outside_is_black():
    values = np.array([[0.0, 100.0]])
    places = np.array([-0.1, 0.5, 1.0, 1.5, 2.1])
    grey = _grey(values, np.array([0.5]), places, Window(0.0, 100.0))
    assert grey[0].tolist() == [0, 0, 128, 255, 0]


@pytest.mark.parametrize(("row_mm", "column_mm"), [(1.0, 1.0), (5.0, 0.8), (0.7, 2.0)])
def test_the_aspect_ratio_is_that_of_the_patient(row_mm, column_mm):
    pixels = drawn(plane(np.zeros((20, 40)), row_mm, column_mm), Window(0, 1), [], width_px=300)
    assert pixels.shape[1] == 300
    true_height = 20 * row_mm * 300 / (40 * column_mm)
    assert pixels.shape[0] == pytest.approx(true_height, abs=0.51)


def test_later_outlines_lie_over_earlier_ones():
    mask = np.ones((100, 100), bool)
    outlines = [Outline(mask, (1, 2, 3)), Outline(mask, ORANGE)]
    pixels = drawn(plane(np.zeros((100, 100))), Window(0, 1), outlines, width_px=200)
    assert tuple(pixels[0, 100]) == ORANGE


def test_a_field_beyond_the_image_is_black_there():
    field = Field(top_mm=-50.0, left_mm=-50.0, height_mm=100.0, width_mm=100.0)
    pixels = drawn(plane(np.ones((50, 50))), Window(0, 1), [], width_px=200, field=field)
    assert pixels[60, 60].max() == 0
    assert pixels[150, 150].min() == 255


def test_the_scale_bar_is_as_long_as_it_says():
    black = np.zeros((300, 400, 3), np.uint8)
    step_mm = 0.75
    pixels = lettered(black, AXIAL_LETTERS, step_mm, ("", ""))
    row = pixels[300 - 6 - 1, :, 0]
    assert np.count_nonzero(row == 255) * step_mm == pytest.approx(50.0, abs=step_mm)


def test_letters_stand_at_their_sides_and_the_picture_is_a_copy():
    grey = np.full((200, 300, 3), 90, np.uint8)
    pixels = lettered(grey, ("R", "", "", ""), 1.0, ("", ""))
    assert (grey == 90).all()
    changed = np.argwhere((pixels[20:150] != 90).any(axis=2))
    assert changed[:, 1].max() < 30
    pixels = lettered(grey, ("", "L", "", ""), 1.0, ("", ""))
    changed = np.argwhere((pixels[20:150] != 90).any(axis=2))
    assert changed[:, 1].min() > 270


def test_letters_on_white_stand_on_dark_ground():
    white = np.full((200, 300, 3), 255, np.uint8)
    pixels = lettered(white, ("", "L", "", ""), 1.0, ("", ""))
    letter = np.argwhere((pixels[20:150] != 255).any(axis=2))
    (top, left), (bottom, right) = letter.min(axis=0), letter.max(axis=0)
    around = pixels[20:150][top : bottom + 1, left : right + 1]
    assert around[0].max() < 128  # the edge of the ground
    assert around.max() > 200  # the letter
    assert (lettered(white, ("", "L", "", ""), 1.0, ("", "")) == pixels).all()


@pytest.mark.parametrize("size", [(12, 14), (40, 30)])
def test_text_that_does_not_fit_is_cut_not_refused(size):
    pixels = lettered(np.zeros((*size, 3), np.uint8), AXIAL_LETTERS, 1.0, ("slice 123", "S 1 mm"))
    assert pixels.shape == (*size, 3)


def test_a_png_holds_no_text_and_repeats():
    picture = Picture(name="a", kind="axial", pixels=np.zeros((8, 9, 3), np.uint8), alt="x")
    png = picture.png()
    assert png == picture.png()
    assert b"tEXt" not in png
    assert picture.size == (9, 8)
    assert picture.jpeg(85)[:2] == b"\xff\xd8"
