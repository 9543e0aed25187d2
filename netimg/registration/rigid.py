"""Rigid registration of a PET to a CT by mutual information, judged before it is believed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.geometry import Grid
from netimg.registration.edge import liver_gap_mm
from netimg.registration.move import moved_grid
from netimg.registration.tables import limits
from netimg.study import Registration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from netimg.volume import Mask, Volume


def register(pet: Volume, ct: Volume, liver: Mask) -> Registration:
    """Turn and shift a PET onto a CT.

    Parameters
    ----------
    pet
        On its own grid.
    ct
        In HU.
    liver
        On the grid of ``ct``; what is around it is compared.

    Returns
    -------
    Registration
        ``accepted`` only if mutual information rose, rotation and translation (of the liver's
        centre) are within limits, and the liver's surfaces agree; else ``refusal`` says why, with
        the numbers. A search that fails (nothing in common, too short an image) is refused as well.

    Raises
    ------
    ValueError
        If the liver holds no voxel.

    Notes
    -----
    Mattes mutual information on a common 4 mm grid, from the best of several starts; one thread, so
    the same images give the same numbers. Known problem: a PET without much uptake beside the liver
    holds the position along the patient only.
    """
    itk = _itk()
    if liver.is_empty:
        message = "a registration needs a liver to look around"
        raise ValueError(message)
    rows = limits("rigid")
    centre = _centre(liver)
    fixed, moving = _fixed(ct, liver, rows), _moving(pet, rows)
    method = _method(rows)
    transform = itk.Euler3DTransform()
    transform.SetCenter(centre.tolist())
    before = _similarity(method, fixed, moving, transform)
    start = _best_start(method, fixed, moving, transform, rows)
    transform.SetTranslation(start)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:  # SimpleITK says in its own words that there is nothing to compare
        return _failed(pet, liver, before)
    after = _similarity(_method(rows), fixed, moving, transform)
    found = _registration(transform, centre, before, after)
    on_ct = replace(pet, grid=moved_grid(pet.grid, found))
    return _judged(replace(found, liver_gap_mm=liver_gap_mm(on_ct, liver)))


def _itk() -> Any:  # noqa: ANN401  # SimpleITK has no types
    """SimpleITK, loaded when a registration is asked for."""
    import SimpleITK

    return SimpleITK


def _judged(found: Registration) -> Registration:
    """Accepted or refused, by the limits."""
    rows, why = limits("accept"), []
    if not found.similarity_after > found.similarity_before:
        why.append(
            f"mutual information did not rise ({found.similarity_before:.3f} to "
            f"{found.similarity_after:.3f})"
        )
    if found.rotation_deg > rows["rotation_deg_max"]:
        why.append(
            f"it would be turned by {found.rotation_deg:.1f} degrees, at most "
            f"{rows['rotation_deg_max']:.0f} are accepted"
        )
    if found.translation_mm > rows["translation_mm_max"]:
        why.append(
            f"it would be shifted by {found.translation_mm:.0f} mm, at most "
            f"{rows['translation_mm_max']:.0f} mm are accepted"
        )
    if found.liver_gap_mm is None:
        why.append("the liver's surface cannot be told on the PET")
    elif found.liver_gap_mm > rows["liver_gap_mm_max"]:
        why.append(
            f"the liver's surfaces would lie {found.liver_gap_mm:.1f} mm apart, at most "
            f"{rows['liver_gap_mm_max']:.0f} mm are accepted"
        )
    return replace(found, accepted=not why, refusal="; ".join(why))


def _failed(pet: Volume, liver: Mask, before: float) -> Registration:
    """Refused and left where it is: the search for a position broke off."""
    highest = float(np.max(pet.values, initial=0.0))
    if not highest > 0:
        why = f"the PET shows no uptake (its highest value is {highest:g})"
    else:
        tall, long = liver.grid.extent_mm[0], pet.grid.extent_mm[0]
        why = (
            f"no position of the PET ({long:.0f} mm long) could be compared with the CT "
            f"({tall:.0f} mm long)"
        )
    return Registration(
        matrix=(
            (1.0, 0.0, 0.0, 0.0),
            (0.0, 1.0, 0.0, 0.0),
            (0.0, 0.0, 1.0, 0.0),
            (0.0, 0.0, 0.0, 1.0),
        ),
        rotation_deg=0.0,
        translation_mm=0.0,
        similarity_before=before,
        similarity_after=before,
        liver_gap_mm=None,
        accepted=False,
        refusal=why,
    )


def _registration(
    transform: Any,  # noqa: ANN401
    centre: NDArray[np.float64],
    before: float,
    after: float,
) -> Registration:
    """From the transform of SimpleITK, which leads from CT to PET, to the way from PET to CT."""
    turn = np.array(transform.GetMatrix()).reshape(3, 3)
    shift = np.array(transform.GetTranslation())
    back = np.eye(4)
    back[:3, :3] = turn.T
    back[:3, 3] = centre - turn.T @ (centre + shift)
    cosine = min(1.0, max(-1.0, (float(np.trace(turn)) - 1.0) / 2.0))
    rows = [tuple(float(v) for v in row) for row in back]
    return Registration(
        matrix=tuple((a, b, c, d) for a, b, c, d in rows),
        rotation_deg=math.degrees(math.acos(cosine)),
        translation_mm=float(np.linalg.norm(shift)),
        similarity_before=before,
        similarity_after=after,
        liver_gap_mm=None,
        accepted=False,
    )


def _method(rows: Mapping[str, Any]) -> Any:  # noqa: ANN401
    itk = _itk()
    method = itk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=int(rows["bins"]))
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(itk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=rows["step_mm"],
        minStep=rows["step_min_mm"],
        numberOfIterations=int(rows["iterations"]),
        relaxationFactor=0.5,
        gradientMagnitudeTolerance=1e-8,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([int(n) for n in rows["shrink"]])
    method.SetSmoothingSigmasPerLevel([rows["smooth_mm"] * (n - 1) for n in rows["shrink"]])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _similarity(method: Any, fixed: Any, moving: Any, transform: Any) -> float:  # noqa: ANN401
    """Mutual information in nats; 0 where the images do not overlap."""
    method.SetInitialTransform(transform, inPlace=False)
    try:
        return -float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:  # all points of one image lie outside the other
        return 0.0


def _best_start(
    method: Any,  # noqa: ANN401
    fixed: Any,  # noqa: ANN401
    moving: Any,  # noqa: ANN401
    transform: Any,  # noqa: ANN401
    rows: Mapping[str, Any],
) -> tuple[float, float, float]:
    """Shift to begin with: the one of a coarse lattice with the highest similarity."""
    itk = _itk()
    coarse = itk.BinShrink(fixed, [3, 3, 3])
    trial = itk.Euler3DTransform(transform)
    best, shift = -math.inf, (0.0, 0.0, 0.0)
    lattice = [
        (float(x), float(y), float(z))
        for z in rows["start_z_mm"]
        for y in rows["start_xy_mm"]
        for x in rows["start_xy_mm"]
    ]
    for at in sorted(lattice, key=lambda s: (math.hypot(*s), s)):
        trial.SetTranslation(at)
        found = _similarity(method, coarse, moving, trial)
        if found > best + 1e-9:
            best, shift = found, at
    return shift


def _fixed(ct: Volume, liver: Mask, rows: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """The CT around the liver, on upright axes, windowed and smoothed."""
    itk = _itk()
    points = liver.grid.to_world(np.argwhere(liver.voxels)[::50].astype(np.float64))
    corners = ct.grid.corners_lps()
    around = float(rows["around_mm"])
    low = np.maximum(points.min(axis=0) - around, corners.min(axis=0))
    high = np.minimum(points.max(axis=0) + around, corners.max(axis=0))
    step = float(rows["spacing_mm"])
    size = [max(4, int((b - a) / step) + 1) for a, b in zip(low, high, strict=True)]
    image = itk.Clamp(_image(ct.values, ct.grid), itk.sitkFloat32, *rows["window_hu"])
    smooth = _smoothed(image, step / 2)
    found = itk.Resample(
        smooth,
        size,
        itk.Transform(),
        itk.sitkLinear,
        low.tolist(),
        [step] * 3,
        np.eye(3).ravel().tolist(),
        float(rows["window_hu"][0]),
    )
    return _smoothed(found, float(rows["smooth_mm"]))


def _moving(pet: Volume, rows: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """The PET with its brightest organs capped, so that they do not drown the rest."""
    values = np.maximum(pet.values, 0.0)
    seen = values[values > 0]
    most = float(np.percentile(seen, rows["pet_percentile"])) if seen.size else 1.0
    return _smoothed(_image(np.sqrt(np.minimum(values, most)), pet.grid), float(rows["smooth_mm"]))


def _smoothed(image: Any, sigma_mm: float) -> Any:  # noqa: ANN401
    itk = _itk()
    return itk.DiscreteGaussian(image, [sigma_mm**2] * 3, 32, 0.01, True)


def _image(values: NDArray[Any], grid: Grid) -> Any:  # noqa: ANN401
    """SimpleITK image of an array on a grid; its axes run x, y, z."""
    itk = _itk()
    image = itk.GetImageFromArray(np.ascontiguousarray(values, dtype=np.float32))
    image.SetSpacing([float(s) for s in reversed(grid.spacing_mm)])
    image.SetOrigin([float(v) for v in grid.origin_lps_mm])
    image.SetDirection(grid.matrix[:, ::-1].ravel().tolist())
    return image


def _centre(liver: Mask) -> NDArray[np.float64]:
    inside = np.argwhere(liver.voxels).astype(np.float64)
    centre: NDArray[np.float64] = liver.grid.to_world(inside).mean(axis=0)
    return centre
