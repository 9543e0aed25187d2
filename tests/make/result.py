"""A small, complete StudyResult with true geometry and made-up but consistent findings."""

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netimg.anatomy import Anatomy, Origin
from netimg.finding import Facts, Finding, Findings, Scope, suv_name
from netimg.flag import Flag, Severity
from netimg.geometry import Grid
from netimg.result import Manifest, StudyResult
from netimg.study import (
    Instance,
    Patient,
    Phase,
    Role,
    Series,
    SetAside,
    Study,
    SuvRecord,
    TracerClass,
)
from netimg.treatment import LocalTreatment, Plan, Plans
from netimg.units import UCUM
from netimg.verdict import Assessment, Comparison, Reason, Status, Verdict
from netimg.volume import LabelMap, Mask, Quantity, Volume

CT_GRID = Grid(shape=(20, 48, 64), spacing_mm=(8.0, 6.0, 6.0), origin_lps_mm=(-190.0, -140.0, 30.0))
PET_GRID = Grid(
    shape=(20, 40, 40), spacing_mm=(8.0, 10.0, 10.0), origin_lps_mm=(-195.0, -195.0, 30.0)
)
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
PET_IMAGE = "1.2.840.10008.5.1.4.1.1.128"


@dataclass(frozen=True)
class Holds:
    """Opener that hands out a volume it holds."""

    volume: Volume

    def __call__(self) -> Volume:
        return self.volume


def ellipsoid(grid, centre_lps, semi_mm):
    """Voxels whose centre lies inside an axis-parallel ellipsoid (L, P, S)."""
    index = np.stack(np.indices(grid.shape), axis=-1).reshape(-1, 3).astype(float)
    points = grid.to_world(index)
    inside = (((points - np.array(centre_lps)) / np.array(semi_mm)) ** 2).sum(axis=1) <= 1
    return inside.reshape(grid.shape)


LIVER = ((-60.0, 0.0, 100.0), (90.0, 70.0, 60.0))
LESIONS = (((-80.0, 10.0, 100.0), (22.0, 22.0, 22.0)), ((-20.0, -20.0, 116.0), (14.0, 14.0, 14.0)))


def anatomy(grid=CT_GRID, *, segments=True, lesions=True, model=True) -> Anatomy:
    """Ellipsoid liver with two round lesions; segments as two halves, spleen as an organ."""
    liver = ellipsoid(grid, *LIVER)
    tumour = np.zeros(grid.shape, bool)
    for place in LESIONS if lesions else ():
        tumour |= ellipsoid(grid, *place)
    left = grid.to_world(np.stack(np.indices(grid.shape), -1).reshape(-1, 3).astype(float))[:, 0]
    halves = np.where(left.reshape(grid.shape) < -40.0, 17, 12) * liver
    spleen = ellipsoid(grid, (100.0, 30.0, 100.0), (30.0, 40.0, 40.0)) & ~liver
    origin = (
        Origin(kind="model", name="liver-lesions 1.0", sha256="ab" * 32)
        if model
        else Origin(kind="person", name="given masks")
    )
    given = Origin(kind="file", name="segments.nii.gz", sha256="cd" * 32)
    origins = {"liver": origin, "lesions": origin}
    return Anatomy.from_masks(
        Mask(voxels=liver, grid=grid),
        Mask(voxels=tumour, grid=grid),
        segments=LabelMap(labels=halves, grid=grid) if segments else None,
        organs=LabelMap(labels=np.where(spleen, 31, 0), grid=grid) if segments else None,
        origins=origins | ({"segments": given, "organs": given} if segments else {}),
        flags=(
            Flag(
                code="lesion_low_confidence",
                severity=Severity.MEDIUM,
                sentence="L2 is small and its mean probability is 0.52.",
                touches=("L2",),
                value=0.52,
                threshold=0.6,
            ),
        ),
    )


def ct_volume(body: Anatomy) -> Volume:
    """Air, a body of 40 HU, a liver of 110 HU, lesions of 70 HU."""
    grid = body.grid
    hu = np.full(grid.shape, -1000.0, np.float32)
    hu[ellipsoid(grid, (0.0, 0.0, 110.0), (170.0, 120.0, 400.0))] = 40.0
    hu[body.liver.voxels] = 110.0
    hu[body.lesion_labels.labels > 0] = 70.0
    return Volume(values=hu, grid=grid, quantity=Quantity.HU)


def pet_volume(quantity=Quantity.SUV_BW) -> Volume:
    """A body of SUV 1, a liver of 5, lesions of 20 and 12."""
    suv = np.zeros(PET_GRID.shape, np.float32)
    suv[ellipsoid(PET_GRID, (0.0, 0.0, 110.0), (170.0, 120.0, 400.0))] = 1.0
    suv[ellipsoid(PET_GRID, *LIVER)] = 5.0
    for place, value in zip(LESIONS, (20.0, 12.0), strict=True):
        suv[ellipsoid(PET_GRID, *place)] = value
    return Volume(values=suv, grid=PET_GRID, quantity=quantity)


def instances(grid, series, sop_class, paths=None):
    """One instance per slice, feet first."""
    return tuple(
        Instance(
            path=paths[z] if paths else Path(),
            sop_instance_uid=f"1.2.826.0.1.{series}.{z + 1}",
            sop_class_uid=sop_class,
            instance_number=z + 1,
            z_index=z,
            size_bytes=1000,
        )
        for z in range(grid.shape[0])
    )


def ct_series(volume, paths=None) -> Series:
    return Series(
        uid="1.2.826.0.1.100",
        number=1,
        kind="CT",
        description="abdomen portal venous",
        grid=volume.grid,
        instances=instances(volume.grid, 100, CT_IMAGE, paths),
        opener=Holds(volume),
        role=Role.PRIMARY_CT,
        series_number=4,
        frame_of_reference_uid="1.2.826.0.1.9",
        acquired_at=dt.datetime(2026, 3, 2, 10, 41),  # noqa: DTZ001  # the scanner's own time
        slice_thickness_mm=8.0,
        phase=Phase.PORTAL,
        why=("the only CT of the abdomen",),
    )


def pet_series(volume, *, possible=True) -> Series:
    suv = (
        SuvRecord(
            possible=True,
            unit_path="BQML",
            method="start",
            factors=(0.00025,) * volume.grid.shape[0],
            weight_kg=80.0,
            dose_bq=1.5e8,
            half_life_s=4062.6,
            uptake_s=3660.0,
            administered_at="2026-03-02T09:41:00",
            typed={"weight_kg": 80.0},
        )
        if possible
        else SuvRecord(
            possible=False,
            code="SUV-001",
            sentence="The header holds no body weight.",
            todo="Give it with --weight-kg.",
        )
    )
    return Series(
        uid="1.2.826.0.1.200",
        number=2,
        kind="PET",
        description="DOTATATE WB",
        grid=volume.grid,
        instances=instances(volume.grid, 200, PET_IMAGE),
        opener=Holds(volume),
        role=Role.PET_SSTR,
        tracer="dotatate_ga68",
        tracer_class=TracerClass.SSTR,
        nuclide="Ga-68",
        suv=suv,
    )


def findings(body: Anatomy, facts=None) -> Findings:
    """Findings whose volumes are those of the masks."""
    liver_ml = body.liver.volume_ml
    tumour_ml = body.lesion_mask.volume_ml
    items = [
        Finding(name="liver_volume_ml", value=liver_ml, unit="mL", method="voxel count"),
        Finding(
            name="tumour_volume_ml", value=tumour_ml, unit="mL", flags=("lesion_low_confidence",)
        ),
        Finding(
            name="burden_pct",
            value=100 * tumour_ml / liver_ml,
            unit="%",
            lo=95 * tumour_ml / liver_ml,
            hi=104 * tumour_ml / liver_ml,
            interval="boundary",
        ),
        Finding(name="lesion_count", value=len(body.lesions), unit="1"),
        Finding(name="bilobar", value=True, unit="bool"),
        Finding(name="segments_involved", value=("II", "VII"), unit="list"),
    ]
    for lesion, size, share in zip(body.lesions, (45.6, 9.44), ("VII", "II"), strict=False):
        own = {"scope": Scope.LESION, "id": lesion.id}
        items += [
            Finding(
                name="volume_ml",
                value=body.lesion(lesion.number).volume_ml,
                unit="mL",
                lo=1.0,
                hi=99.0,
                interval="boundary",
                **own,
            ),
            Finding(name="longest_mm", value=size, unit="mm", **own),
            Finding(name="hu_mean", value=70.0, unit="HU", **own),
            Finding(name=f"segment_fraction_{share}", value=1.0, unit="1", **own),
            Finding(name="sstr_suv_max", value=20.0 / lesion.number, unit="g/mL", **own),
            Finding(name="sstr_krenning", value=5 - lesion.number, unit="1", **own),
        ]
    if body.lesions:
        items.append(Finding(name="longest_mm", value=45.6, unit="mm"))
    if body.segments is not None:
        for code, name in ((12, "II"), (17, "VII")):
            volume = body.segments.mask(code).volume_ml
            own = {"scope": Scope.SEGMENT, "id": name}
            items.append(Finding(name="volume_ml", value=volume, unit="mL", **own))
    items.append(
        Finding(
            name="sstr_suv_mean",
            value=None,
            unit="g/mL",
            scope=Scope.REGION,
            id="blood_pool",
            reason="missing_input:organs.aorta",
        )
    )
    coded = (replace(item, ucum=UCUM[item.unit]) for item in items)
    return Findings(items=tuple(coded), facts=facts)


def facts() -> Facts:
    entered = {
        "schema": "netimg.facts/1",
        "assessment_date": "2026-03-02",
        "clinical": {"age_y": 52, "ecog": 0, "extrahepatic": []},
        "labs": {
            "albumin": {"value": 41, "unit": "g/L", "date": "2026-02-20", "by": "ward"},
        },
    }
    return Facts(tree=entered, entered=entered, assessment_date=dt.date(2026, 3, 2))


def plans() -> Plans:
    own = {"scope": Scope.PLAN, "id": "right hepatectomy"}
    return Plans(
        plans=(
            Plan(
                name="right hepatectomy",
                template="right_hepatectomy",
                resected=("V", "VI", "VII", "VIII"),
                retained=("I", "II", "III", "IV"),
                local=(LocalTreatment(lesion="L2", method="wedge", margin_mm=10.0),),
                findings=(
                    Finding(name="flr_ml", value=512.3, unit="mL", ucum="ml", **own),
                    Finding(
                        name="sflr_pct",
                        value=None,
                        unit="%",
                        ucum="%",
                        reason="missing_input:clinical.weight_kg",
                        **own,
                    ),
                ),
            ),
        )
    )


def assessment() -> Assessment:
    burden = Comparison(
        fact="burden_pct",
        op="<=",
        value=19.97,
        threshold=20.0,
        unit="%",
        distance=-0.03,
        status=Status.MET,
        provenance="measured",
    )
    source = {"text": "A trial, Someone et al., Journal 2017", "where": "p. 3"}
    return Assessment(
        verdicts=(
            Verdict(
                id="RETNET-BURDEN",
                profile="TRIAL-RETNET",
                kind="criterion",
                scope="patient",
                status=Status.MET,
                question="Is the burden at most 20 %?",
                value=19.97,
                unit="%",
                comparisons=(burden,),
                certainty="V",
                sources=(source,),
            ),
            Verdict(
                id="FLR-STD",
                profile="core",
                kind="criterion",
                scope="right hepatectomy",
                status=Status.UNKNOWN,
                question="Is the standardised remnant large enough?",
                unit="%",
                reasons=(Reason("missing_input", "clinical.weight_kg"),),
                certainty="V",
                sources=(source,),
                segment_based=True,
            ),
            Verdict(
                id="PROMID",
                profile="core",
                kind="class",
                scope="patient",
                status=Status.MET,
                question="Burden class of PROMID",
                value=">10-25",
                certainty="M+",
            ),
            Verdict(
                id="COMBO-HEPFAIL",
                profile="TACE-TEXTBOOK",
                kind="contraindication",
                scope="patient",
                status=Status.NOT_MET,
                question="Are more than half of the liver replaced and LDH high?",
                value=19.97,
                unit="%",
                certainty="OP",
            ),
        ),
        values={"burden_pct": 19.97, "lesion_count": 2},
        missing=(("clinical.weight_kg", 2), ("labs.ldh", 1)),
        catalogue_version="1.0",
    )


def study(ct=None, pets=(), source="somewhere/patient_07") -> Study:
    series = tuple(s for s in (ct, *pets) if s is not None)
    files = tuple(
        (f"{s.kind.lower()}_{i.z_index:03d}.dcm", f"series {s.number}")
        for s in series
        for i in s.instances
    )
    flags = ()
    if ct is None:
        flags = (
            Flag(
                code="IDX-018",
                severity=Severity.MEDIUM,
                sentence="IDX-018 no CT: 20 PET images, no CT.",
            ),
        )
    return Study(
        uid="1.2.826.0.1.1",
        patient=Patient(
            id="PID-4711",
            name="Doe^Jane <b>",
            birth_date=dt.date(1974, 1, 30),
            sex="F",
            age_y=52.0,
            sources={"age_y": "header"},
        ),
        series=series,
        set_aside=(
            SetAside(path="README.txt", code="IDX-004", sentence="README.txt is not DICOM."),
        ),
        ct=ct,
        pets=tuple(pets),
        files=(("README.txt", "set aside"), *files),
        source=source,
        date=dt.date(2026, 3, 2),
        time=dt.time(10, 40),
        description="CT abdomen",
        accession="ACC99",
        flags=flags,
    )


def manifest() -> Manifest:
    return Manifest(
        version="0.1.0",
        command="netimg run somewhere/patient_07 -o out",
        settings_hash="0f" * 32,
        input_fingerprint="1e" * 32,
        model="liver-lesions 1.0",
        model_sha256=("ab" * 32,),
        packages={"numpy": "2.0"},
        platform="linux",
        started_at="2026-03-03T08:00:00+00:00",
        finished_at="2026-03-03T08:01:00+00:00",
        stages=(("read", 1.5),),
        peak_memory_mb=900.0,
    )


def result(*, pet=True, possible=True, segments=True, lesions=True, paths=None) -> StudyResult:
    """CT with liver and lesions, a PET, facts, a plan and four verdicts."""
    body = anatomy(segments=segments, lesions=lesions)
    ct = ct_series(ct_volume(body), paths)
    quantity = Quantity.SUV_BW if possible else Quantity.ACTIVITY
    pets = (pet_series(pet_volume(quantity), possible=possible),) if pet else ()
    return StudyResult.of(
        study(ct, pets), body, findings(body, facts()), plans(), assessment(), manifest=manifest()
    )


def in_norm(shown: StudyResult, norm: str, ratio: float) -> StudyResult:
    """The same result with another norm asked for: its SUVs beside those by body weight."""

    def asked(pet: Series) -> Series:
        return replace(pet, suv=replace(pet.suv, norm=norm, norm_ratios={"bw": 1.0, norm: ratio}))

    pets = tuple(asked(pet) for pet in shown.study.pets)
    series = tuple(s for s in shown.study.series if s not in shown.study.pets)
    scaled = tuple(
        replace(f, name=suv_name(f.name, norm), value=f.value * ratio)
        for f in shown.findings
        if f.name == "sstr_suv_max" and f.value is not None
    )
    return replace(
        shown,
        study=replace(shown.study, pets=pets, series=(*series, *pets)),
        findings=replace(shown.findings, items=(*shown.findings.items, *scaled)),
    )


def pet_only(*, masks=False) -> StudyResult:
    """No CT; with ``masks`` a liver and lesions on the PET's grid."""
    body = anatomy(PET_GRID, segments=False, model=False) if masks else None
    return StudyResult.of(
        study(None, (pet_series(pet_volume()),)),
        body,
        findings(body) if body is not None else Findings(),
        Plans(),
        replace(assessment(), verdicts=assessment().verdicts[1:2]),
        manifest=manifest(),
    )


def write_ct(folder: Path, volume: Volume) -> list[Path]:
    """The CT of `result` as DICOM files, one per slice, feet first."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    grid = volume.grid
    paths = []
    for z, item in enumerate(instances(grid, 100, CT_IMAGE)):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CT_IMAGE
        meta.MediaStorageSOPInstanceUID = item.sop_instance_uid
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = Dataset()
        ds.file_meta = meta
        ds.SpecificCharacterSet = "ISO_IR 100"
        ds.SOPClassUID, ds.SOPInstanceUID = CT_IMAGE, item.sop_instance_uid
        ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.826.0.1.1", "1.2.826.0.1.100"
        ds.FrameOfReferenceUID = "1.2.826.0.1.9"
        ds.PatientName, ds.PatientID = "Müller^Jane", "PID-4711"
        ds.PatientBirthDate, ds.PatientSex = "19740130", "F"
        ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20260302", "104000", "ACC99"
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "CT", 4, z + 1
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.Rows, ds.Columns = grid.shape[1:]
        ds.PixelSpacing = list(grid.spacing_mm[1:])
        ds.SliceThickness = grid.spacing_mm[0]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.ImagePositionPatient = grid.to_world(np.array([[z, 0.0, 0.0]]))[0].tolist()
        path = folder / f"ct_{z:03d}.dcm"
        pydicom.dcmwrite(path, ds, enforce_file_format=True)
        paths.append(path)
    return paths


def result_with_files(folder: Path, **how) -> StudyResult:
    """`result` whose CT headers lie in ``folder``."""
    volume = ct_volume(anatomy(segments=how.get("segments", True)))
    return result(paths=write_ct(folder, volume), **how)
