"""How a result came about: the identity of its input and of everything else it depends on."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
from typing import TYPE_CHECKING

from netimg import __version__
from netimg.resources import source_commit
from netimg.result import Manifest

if TYPE_CHECKING:
    from netimg import finding
    from netimg.anatomy import Anatomy
    from netimg.pipeline.request import Masks, Request
    from netimg.segmentation.cards import Card
    from netimg.settings import Settings
    from netimg.study import Instance, Series, Study

_HOW_FAST = ("resources.", "batch.")
"""Settings that leave no trace in a result: the same study, the same bytes, on any machine."""

_PACKAGES = ("numpy", "scipy", "pydicom", "SimpleITK", "torch", "monai", "highdicom")


def manifest_of(
    study: Study, request: Request, facts: finding.Facts | None, settings: Settings
) -> Manifest:
    """What is known before the work: the identity of input and configuration."""
    model = settings["segmentation.model"]
    weights: tuple[str, ...] = ()
    if study.ct is not None and not request.masks.given:
        from netimg.segmentation.cards import load_card

        card = load_card(
            model,
            settings["segmentation.model_folders"],
            allow_test_only=settings["segmentation.allow_test_model"],
        )
        weights = tuple(stage.sha256 for stage in card.stages)
    used = [*_may_be_used(study), *study.pets]
    instances = sorted(_identity(i) for s in used for i in s.instances)
    config = {
        "version": __version__,
        "settings": settings.hash,
        "model": [model, *weights] if weights else [],
        "masks": _mask_hashes(request.masks),
        "facts": dict(facts.entered) if facts else {},
        "overrides": dict(request.overrides),
        "chosen": [request.study, request.ct, list(request.pets)],
        "outputs": list(settings["reporting.outputs"]),
        "privacy": settings["reporting.privacy"],
    }
    return Manifest(
        version=__version__,
        commit=source_commit(),
        command=request.command,
        settings_hash=settings.hash,
        settings={
            key: value
            for key, value in settings.different_from_shipped().items()
            if not key.startswith(_HOW_FAST)
        },
        input_fingerprint=_digest([study.uid, instances]),
        config_hash=_digest(config),
        model_sha256=weights,
        packages=_versions(),
        platform=f"{platform.system()} {platform.machine()}, python {platform.python_version()}",
        started_at=now(),
    )


def _may_be_used(study: Study) -> list[Series]:
    """The CT; where its phase is open, every CT that a look at the pictures may prefer to it."""
    from netimg.reading.candidate import phase_is_open
    from netimg.reading.choose import candidates

    if study.ct is None:
        return []
    others = candidates(study.series) if phase_is_open(study.ct) else []
    return [study.ct, *(s for s in others if s.number != study.ct.number)]


def _identity(picture: Instance) -> tuple[str | int, ...]:
    """What tells a picture that was used from every other: its file, and its frame there."""
    frame = () if picture.frame_number is None else (picture.frame_number,)
    return (picture.sop_instance_uid, picture.size_bytes, *frame)


def card_of(settings: Settings) -> Card:
    """Card of the model in use, with the folders that are searched for it."""
    from netimg.segmentation.cards import load_card

    return load_card(
        settings["segmentation.model"],
        settings["segmentation.model_folders"],
        allow_test_only=settings["segmentation.allow_test_model"],
    )


def model_name(anatomy: Anatomy | None) -> str:
    """Id and version of the model that outlined the liver; empty for a person's masks."""
    if anatomy is None or "liver" not in anatomy.origins:
        return ""
    origin = anatomy.origins["liver"]
    return origin.name if origin.kind == "model" else ""


def _mask_hashes(masks: Masks) -> list[list[str]]:
    files = [masks.liver, *masks.lesions, masks.segments, masks.labels]
    hashes = [
        [hashlib.sha256(f.path.read_bytes()).hexdigest(), f.label or ""]
        for f in files
        if f is not None and f.path.is_file()
    ]
    return [*hashes, [masks.legend, str(masks.no_lesions)]]


def _digest(tree: object) -> str:
    text = json.dumps(tree, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def now() -> str:
    """Return the instant, UTC, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def peak_memory_mb() -> float:
    """Return the largest resident size of this process so far, MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
