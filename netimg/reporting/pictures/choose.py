"""Which pictures a report needs: slices that matter, thumbnails, projections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.finding import Scope
from netimg.reporting.colours import lesion_rgb
from netimg.reporting.pictures.draw import Field, Outline, Window, drawn, whole
from netimg.reporting.pictures.montage import (
    Scene,
    axial_montage,
    ct_window,
    picture_settings,
    spread,
)
from netimg.reporting.pictures.picture import Picture
from netimg.reporting.pictures.planes import Plane, Turned, labels_on
from netimg.reporting.places import (
    Place,
    anatomy_series,
    instance_number,
    is_multiframe,
    lesion_places,
)
from netimg.reporting.words.sentences import (
    lesion_ct_alt,
    lesion_pet_alt,
    mip_alt,
    mip_caption,
    pet_short,
    slice_alt,
    slice_corners,
    window_text,
)
from netimg.volume import Quantity

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.lesion import Lesion
    from netimg.result import StudyResult
    from netimg.study import Series
    from netimg.volume import Volume

_TOP_PERCENTILE = 99.8
_NEAR_MM = 8.0


def study_pictures(result: StudyResult) -> list[Picture]:
    """Every picture of a study, in the order of the report.

    Axial and coronal key slices and thumbnails need an anatomy on a series that can be loaded; a
    projection needs a PET.
    """
    config = picture_settings()
    pictures: list[Picture] = []
    anatomy = result.anatomy
    series = anatomy_series(result.study, anatomy) if anatomy is not None else None
    if anatomy is not None and series is not None:
        image = series.load()
        scene = Scene.of(image, anatomy, _window(image, series, config))
        pictures += _slices(scene, series, lesion_places(anatomy, result.findings), config)
        if series.kind == "CT":
            pictures.append(axial_montage(image, anatomy, title="axial_montage"))
            pictures += _thumbnails_ct(scene, result, config)
    for pet in result.study.pets:
        pictures += _pet_pictures(pet, result, config)
    return pictures


def _window(image: Volume, series: Series, config: dict[str, Any]) -> Window:
    if image.quantity is Quantity.HU:
        return ct_window(config, "axial")
    return Window(0.0, _top(image, series, config))


def _top(image: Volume, series: Series, config: dict[str, Any]) -> float:
    """Top of the grey scale of a PET: as configured for SUV, else a high percentile."""
    if image.quantity is Quantity.SUV_BW:
        return float(config["mip"]["top_suv"][series.tracer_class.value])
    return float(np.percentile(image.values, _TOP_PERCENTILE)) or 1.0


def key_slices(scene: Scene, places: dict[str, Place], count: int) -> list[int]:
    """Axial planes worth showing, head first.

    The best slice of each lesion, larger lesions first, planes nearer than 8 mm to one that is
    there left out; the rest is filled evenly over the liver.
    """
    turned = scene.turned
    first, last = scene.liver_range(0)
    step_mm = turned.spacing_mm[0]
    lesion_planes = [round(_plane_of(turned, place)) for place in places.values()]
    chosen = _apart([*lesion_planes, *spread(first, last, count)], count, step_mm)
    return sorted(chosen, reverse=True)


def _apart(planes: list[int], count: int, step_mm: float) -> list[int]:
    """The first ``count`` planes that are not near one that was taken before."""
    chosen: list[int] = []
    for plane in planes:
        near = any(abs(plane - other) * step_mm < _NEAR_MM for other in chosen)
        if not near and len(chosen) < count:
            chosen.append(plane)
    return chosen


def _plane_of(turned: Turned, place: Place) -> float:
    """The axial plane that shows a lesion best."""
    if turned.axes[0] == 0:
        return turned.array_index(0, place.slice_index)
    return float(turned.index(np.array([place.centroid_lps_mm]))[0, 0])


def _slices(
    scene: Scene, series: Series, places: dict[str, Place], config: dict[str, Any]
) -> Iterator[Picture]:
    axial = key_slices(scene, places, config["axial"]["count"])
    field = scene.body(0, axial, config["axial"]["margin_mm"])
    along_z = scene.turned.axes[0] == 0
    window = window_text(scene.window, scene.image.quantity)
    for number, index in enumerate(axial, start=1):
        z = scene.turned.array_index(0, index)
        instance = instance_number(series, z) if along_z else None
        on = scene.lesions_on(0, index)
        yield Picture(
            name=f"axial_{number:02d}",
            kind="axial",
            pixels=scene.axial(
                index,
                width_px=config["axial"]["width_px"],
                field=field,
                corners=slice_corners(
                    scene.turned, 0, index, instance, of_frames=is_multiframe(series)
                ),
            ),
            alt=slice_alt(scene.turned, 0, index, scene.outlined_on(0, index), window),
            caption=", ".join(on),
            series=series.number,
            slice_index=z if along_z else None,
        )
    yield from _coronal(scene, series, places, config)


def _coronal(
    scene: Scene, series: Series, places: dict[str, Place], config: dict[str, Any]
) -> Iterator[Picture]:
    count = config["coronal"]["count"]
    first, last = scene.liver_range(1)
    planes = [
        round(float(scene.turned.index(np.array([place.centroid_lps_mm]))[0, 1]))
        for place in places.values()
    ]
    step_mm = scene.turned.spacing_mm[1]
    chosen = _apart([*planes, *spread(first, last, count)], count, step_mm)
    field = scene.body(1, sorted(chosen), config["axial"]["margin_mm"])
    window = window_text(scene.window, scene.image.quantity)
    for number, index in enumerate(sorted(chosen), start=1):
        on = scene.lesions_on(1, index)
        yield Picture(
            name=f"coronal_{number:02d}",
            kind="coronal",
            pixels=scene.coronal(
                index,
                width_px=config["coronal"]["width_px"],
                field=field,
                corners=slice_corners(scene.turned, 1, index),
            ),
            alt=slice_alt(scene.turned, 1, index, scene.outlined_on(1, index), window),
            caption=", ".join(on),
            series=series.number,
        )


def _thumbnails_ct(scene: Scene, result: StudyResult, config: dict[str, Any]) -> Iterator[Picture]:
    anatomy = scene.anatomy
    if anatomy is None:
        return
    narrow = Scene.of(scene.image, anatomy, ct_window(config, "lesion"))
    places = lesion_places(anatomy, result.findings)
    for lesion in anatomy.lesions:
        if lesion.id in places:
            place = places[lesion.id]
            plane = round(_plane_of(scene.turned, place))
            field = _field(scene.turned, place, anatomy, config)
            size = result.findings.get("longest_mm", Scope.LESION, lesion.id)
            yield Picture(
                name=f"lesion_{lesion.id}_ct",
                kind="lesion_ct",
                pixels=narrow.axial(
                    plane,
                    width_px=config["lesion"]["side_px"],
                    field=field,
                    corners=(lesion.id, ""),
                ),
                alt=lesion_ct_alt(lesion.id, scene.turned, plane, size),
                lesion=lesion.id,
                slice_index=place.slice_index,
            )


def _field(turned: Turned, place: Place, anatomy: Anatomy, config: dict[str, Any]) -> Field:
    """A square around a lesion, on the planes of ``turned``."""
    lesion = config["lesion"]
    low, high = (
        anatomy.grid.to_world(np.array([[a[end] - 0.5 for a in place.box]], dtype=np.float64))[0]
        for end in (0, 1)
    )
    extent = float(np.abs(high - low)[:2].max())
    side = max(lesion["side_mm"], extent + 2 * lesion["border_mm"])
    middle = turned.index((low + high)[None] / 2)[0]
    row_mm, column_mm = turned.spacing_mm[1], turned.spacing_mm[2]
    top = (middle[1] + 0.5) * row_mm - side / 2
    left = (middle[2] + 0.5) * column_mm - side / 2
    return Field(float(top), float(left), side, side)


@dataclass(frozen=True, slots=True, eq=False)
class _PetScene:
    """A PET, its window and the lesions as they lie on its grid."""

    pet: Series
    image: Volume
    window: Window
    labels: Any
    lesions: tuple[Lesion, ...]


def _pet_pictures(pet: Series, result: StudyResult, config: dict[str, Any]) -> Iterator[Picture]:
    image = pet.load()
    anatomy = result.anatomy
    top = _top(image, pet, config)
    labels = (
        np.zeros(image.grid.shape, dtype=np.uint16)
        if anatomy is None
        else labels_on(anatomy.lesion_labels.labels, anatomy.grid, image.grid)
    )
    lesions = () if anatomy is None else anatomy.lesions
    window = Window(0.0, top, inverted=bool(config["mip"]["inverted"]))
    scene = _PetScene(pet, image, window, labels, lesions)
    yield from _projections(scene, config)
    if anatomy is not None:
        yield from _thumbnails_pet(scene, result, anatomy, config)


def _projections(scene: _PetScene, config: dict[str, Any]) -> Iterator[Picture]:
    turned = Turned(scene.image.grid)
    shown = [lesion for lesion in scene.lesions if (scene.labels == lesion.number).any()]
    views = (("anterior", turned.front), ("left_lateral", turned.from_left))
    images = [project(scene.image.values) for _, project in views]
    field = _common(images)
    for (view, project), image in zip(views, images, strict=True):
        outlines = [
            Outline(project(scene.labels == lesion.number).values, lesion_rgb(lesion))
            for lesion in shown
        ]
        yield Picture(
            name=f"mip_{scene.pet.number}_{view}",
            kind="mip",
            pixels=drawn(
                image,
                scene.window,
                outlines,
                width_px=config["mip"]["width_px"],
                field=_centred(image, field),
            ),
            alt=mip_alt(scene.pet, view, scene.window.high, scene.image.quantity, len(shown)),
            caption=mip_caption(scene.pet, view, scene.window.high, scene.image.quantity),
            series=scene.pet.number,
        )


def _common(planes: Sequence[Plane]) -> tuple[float, float]:
    """Height and width in mm that hold each of some planes: one scale for all of them."""
    fields = [whole(plane) for plane in planes]
    return max(f.height_mm for f in fields), max(f.width_mm for f in fields)


def _centred(plane: Plane, size_mm: tuple[float, float]) -> Field:
    """A plane in the middle of a field of this size; black around it."""
    own = whole(plane)
    height, width = size_mm
    return Field((own.height_mm - height) / 2, (own.width_mm - width) / 2, height, width)


def _thumbnails_pet(
    scene: _PetScene, result: StudyResult, anatomy: Anatomy, config: dict[str, Any]
) -> Iterator[Picture]:
    turned = Turned(scene.image.grid)
    prefix = scene.pet.tracer_class.value
    for lesion_id, place in lesion_places(anatomy, result.findings).items():
        plane = round(float(turned.index(_middle(place, anatomy))[0, 0]))
        if not 0 <= plane < turned.shape[0]:
            continue
        axial = turned.axial(scene.image.values, plane)
        labels = turned.axial(scene.labels, plane).values
        outlines = [
            Outline(labels == lesion.number, lesion_rgb(lesion)) for lesion in scene.lesions
        ]
        uptake = result.findings.get(f"{prefix}_suv_max", Scope.LESION, lesion_id)
        yield Picture(
            name=f"lesion_{lesion_id}_pet_{scene.pet.number}",
            kind="lesion_pet",
            pixels=drawn(
                axial,
                scene.window,
                outlines,
                width_px=config["lesion"]["side_px"],
                field=_field(turned, place, anatomy, config),
                corners=(lesion_id, ""),
            ),
            alt=lesion_pet_alt(lesion_id, scene.window.high, scene.image.quantity, uptake),
            caption=pet_short(scene.pet),
            lesion=lesion_id,
            series=scene.pet.number,
        )


def _middle(place: Place, anatomy: Anatomy) -> Any:  # noqa: ANN401  # points (1, 3)
    """World point on the slice that shows a lesion best."""
    _, y, x = place.box
    index = [[place.slice_index, (y[0] + y[1] - 1) / 2, (x[0] + x[1] - 1) / 2]]
    return anatomy.grid.to_world(np.array(index, dtype=np.float64))
