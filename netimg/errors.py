"""Everything that can be refused: one tree of errors, one table of codes.

::

    NetimgError
    |-- UsageError      USE-        what was typed is wrong
    |-- SettingsError   CFG-        settings
    |-- CriteriaError   CRIT-       rule files
    |-- InputError      IDX- SEL- GEO- PIX-   what was given is wrong
    |   `-- SUVError    SUV-        no way from the header to SUV
    |-- MaskError       MSK-        masks given in place of the model
    |-- FactsError      FACT- LES-  clinical facts
    |-- NothingUsable   exit 4      readable, but neither CT nor PET can be used
    |-- ModelError      MDL- SEG-   cards, weights, networks
    |   `-- ContractError           an image that the model's card does not cover
    |-- ResourceError   RUN- SEG-106 SEG-107   time, memory, devices, workers
    `-- OutputError     OUT-        writing

A refusal has four parts: the code, *what* with the deciding numbers, *where* (a series, file or
setting, never a patient's name), and *todo*, with the option to type. ``ValueError`` and
``TypeError`` are a caller's bug; everything here is the world's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of refusal: its name, the exit status it ends a command with, and its title."""

    id: str
    exit_code: int
    title: str

    def __str__(self) -> str:
        """Return the name, as in ``GEO-003``."""
        return self.id


class NetimgError(Exception):
    """A refusal, as one paragraph for a person.

    Parameters
    ----------
    code
        One of the codes of this module.
    what
        What is wrong, with the numbers that decide.
    where
        Series, file or setting it was found in; never a patient's name.
    todo
        What to do, with the option to type.
    """

    def __init__(self, code: Code, *, what: str, where: str = "", todo: str = "") -> None:
        super().__init__(code, what, where, todo)
        self.code = code
        self.what = what
        self.where = where
        self.todo = todo

    @property
    def exit_code(self) -> int:
        """Exit status of a command that ends with this error."""
        return self.code.exit_code

    def __str__(self) -> str:
        """Return the paragraph: code, title (unless *what* says it), what, (where), todo."""
        where = f"({self.where})" if self.where else ""
        title = "" if _says(self.what, self.code.title) else f"{self.code.title}:"
        parts = (self.code.id, title, self.what, where, self.todo)
        return " ".join(part for part in parts if part)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with keyword arguments, so that errors cross process borders."""
        return (_rebuild, (type(self), self.code, self.what, self.where, self.todo))


def _says(what: str, title: str) -> bool:
    """Whether the first three words of a title all stand in a sentence."""
    said = set(re.findall(r"\w+", what.casefold()))
    return set(re.findall(r"\w+", title.casefold())[:3]) <= said


def _rebuild(kind: type[NetimgError], code: Code, what: str, where: str, todo: str) -> NetimgError:
    return kind(code, what=what, where=where, todo=todo)


class UsageError(NetimgError):
    """What was typed is wrong."""


class SettingsError(NetimgError):
    """A setting is unknown, unreadable or outside its range."""


class CriteriaError(NetimgError):
    """A rule file or the name of a profile or criterion is wrong."""


class InputError(NetimgError):
    """What was given is wrong: files, series, geometry, pixels."""


class SUVError(InputError):
    """There is no way from this header to SUV."""


class MaskError(NetimgError):
    """A mask file cannot take its place on the image."""


class FactsError(NetimgError):
    """A clinical fact is unknown, incomplete or impossible."""


class NothingUsable(NetimgError):  # noqa: N818  # the public name of the interface
    """The input can be read, but nothing in it is usable, or a part that was required is missing.

    Ends a command with 4, whatever its code says alone.
    """

    @property
    def exit_code(self) -> int:
        """Exit status 4."""
        return EXIT_NOTHING


class ModelError(NetimgError):
    """A model card, its weights or its network cannot be used."""


class ContractError(ModelError):
    """The image is outside what the model's card covers."""


class ResourceError(NetimgError):
    """Time, memory, device or worker ran out."""


class OutputError(NetimgError):
    """The result cannot be written."""


CODES: dict[str, Code] = {}
"""Every code by its name; documentation and tests walk it."""


def _code(name: str, exit_code: int, title: str) -> Code:
    return CODES.setdefault(name, Code(name, exit_code, title))


USE_001 = _code("USE-001", 2, "unknown option or value")
USE_002 = _code("USE-002", 2, "two options exclude each other")
USE_003 = _code("USE-003", 2, "several studies here")
USE_005 = _code("USE-005", 2, "not among those listed")
CFG_001 = _code("CFG-001", 2, "settings file not readable")
CFG_002 = _code("CFG-002", 2, "unknown setting")
CFG_003 = _code("CFG-003", 2, "value outside its range")
CFG_004 = _code("CFG-004", 2, "unknown NETIMG_ variable")
CRIT_001 = _code("CRIT-001", 2, "rule file")
CRIT_002 = _code("CRIT-002", 2, "unknown profile")
CRIT_003 = _code("CRIT-003", 2, "unknown criterion")
IDX_001 = _code("IDX-001", 3, "no files")
IDX_002 = _code("IDX-002", 3, "input not usable")
IDX_003 = _code("IDX-003", 3, "file not readable")
IDX_004 = _code("IDX-004", 3, "not a DICOM file")
IDX_005 = _code("IDX-005", 3, "file breaks off")
IDX_006 = _code("IDX-006", 3, "not a regular file")
IDX_007 = _code("IDX-007", 3, "reached twice")
IDX_008 = _code("IDX-008", 3, "disc index and disc differ")
IDX_009 = _code("IDX-009", 3, "archive not opened")
IDX_010 = _code("IDX-010", 3, "kind of object not used")
IDX_011 = _code("IDX-011", 3, "planning overview")
IDX_012 = _code("IDX-012", 3, "captured screen or derived picture")
IDX_013 = _code("IDX-013", 3, "exact copy")
IDX_014 = _code("IDX-014", 3, "same identity, different content")
IDX_015 = _code("IDX-015", 3, "attribute missing")
IDX_016 = _code("IDX-016", 3, "several patients")
IDX_017 = _code("IDX-017", 3, "header beyond the limits")
IDX_018 = _code("IDX-018", 4, "no CT")
IDX_019 = _code("IDX-019", 3, "encrypted")
IDX_020 = _code("IDX-020", 3, "two patient identities")
IDX_021 = _code("IDX-021", 3, "compressed in a way netimg cannot read")
IDX_022 = _code("IDX-022", 3, "no pixels")
SEL_004 = _code("SEL-004", 3, "slices too far apart")
SEL_007 = _code("SEL-007", 3, "not corrected for attenuation")
SEL_011 = _code("SEL-011", 3, "PET of another patient")
SEL_013 = _code("SEL-013", 2, "no such series")
SEL_017 = _code("SEL-017", 3, "calculated map")
SEL_018 = _code("SEL-018", 4, "every CT was refused")
GEO_001 = _code("GEO-001", 3, "position or direction missing")
GEO_002 = _code("GEO-002", 3, "directions not at right angles")
GEO_003 = _code("GEO-003", 3, "irregular spacing")
GEO_004 = _code("GEO-004", 3, "missing slices")
GEO_005 = _code("GEO-005", 3, "two pictures at one place")
GEO_006 = _code("GEO-006", 3, "gantry tilt")
GEO_007 = _code("GEO-007", 3, "mixed directions")
GEO_008 = _code("GEO-008", 3, "mixed picture sizes")
GEO_010 = _code("GEO-010", 3, "too few slices")
GEO_011 = _code("GEO-011", 3, "no usable pixel size")
GEO_014 = _code("GEO-014", 3, "coordinate system")
GEO_016 = _code("GEO-016", 3, "implausible size")
GEO_017 = _code("GEO-017", 3, "functional group missing")
GEO_019 = _code("GEO-019", 3, "position not a number")
PIX_001 = _code("PIX-001", 3, "pixel data of the wrong length")
PIX_002 = _code("PIX-002", 3, "picture beyond the limit")
PIX_003 = _code("PIX-003", 3, "picture not decoded")
PIX_004 = _code("PIX-004", 3, "compressed picture of another size")
PIX_005 = _code("PIX-005", 3, "no rescale slope and intercept")
PIX_006 = _code("PIX-006", 3, "not in Hounsfield units")
PIX_008 = _code("PIX-008", 3, "colour picture")
PIX_009 = _code("PIX-009", 3, "impossible number format")
PIX_012 = _code("PIX-012", 3, "values are not those of a CT")
PIX_013 = _code("PIX-013", 3, "rescale slope unusable")
PIX_014 = _code("PIX-014", 3, "frames not described")
PIX_015 = _code("PIX-015", 3, "values mapped through a table")
PIX_019 = _code("PIX-019", 3, "values that are not numbers")
PIX_020 = _code("PIX-020", 3, "values are not those of a PET")
SUV_001 = _code("SUV-001", 3, "weight missing")
SUV_002 = _code("SUV-002", 3, "weight implausible")
SUV_003 = _code("SUV-003", 3, "units without a way to SUV")
SUV_004 = _code("SUV-004", 3, "injected activity missing")
SUV_005 = _code("SUV-005", 3, "injected activity implausible")
SUV_006 = _code("SUV-006", 3, "time of injection missing")
SUV_007 = _code("SUV-007", 3, "injection after the scan")
SUV_008 = _code("SUV-008", 3, "half-life of another nuclide")
SUV_009 = _code("SUV-009", 3, "decay correction not usable")
SUV_010 = _code("SUV-010", 3, "not corrected for attenuation")
SUV_011 = _code("SUV-011", 3, "corrections contradict each other")
SUV_013 = _code("SUV-013", 3, "several radiopharmaceuticals")
SUV_014 = _code("SUV-014", 3, "height missing")
SUV_015 = _code("SUV-015", 3, "sex missing")
SUV_017 = _code("SUV-017", 3, "dates do not fit together")
SUV_022 = _code("SUV-022", 3, "radionuclide unknown")
SUV_023 = _code("SUV-023", 3, "dynamic or gated")
SUV_025 = _code("SUV-025", 3, "slices differ")
SUV_026 = _code("SUV-026", 3, "manufacturer's factor disagrees")
SUV_027 = _code("SUV-027", 3, "corrections not listed")
SUV_028 = _code("SUV-028", 3, "no decay reference time")
SUV_029 = _code("SUV-029", 3, "times disagree")
SUV_030 = _code("SUV-030", 3, "frame duration missing")
SUV_031 = _code("SUV-031", 3, "counts without a factor")
SUV_033 = _code("SUV-033", 3, "intercept not zero")
SUV_034 = _code("SUV-034", 3, "SUV type does not fit the units")
SUV_035 = _code("SUV-035", 3, "height implausible")
SUV_036 = _code("SUV-036", 3, "norm meaningless for this body size")
SUV_037 = _code("SUV-037", 3, "header value unreadable")
SUV_038 = _code("SUV-038", 3, "counts per second without calibration")
SUV_039 = _code("SUV-039", 3, "injection needs a date")
SUV_040 = _code("SUV-040", 3, "positron fraction of another nuclide")
SUV_041 = _code("SUV-041", 3, "two injection times")
SUV_042 = _code("SUV-042", 3, "uptake time impossible")
SUV_043 = _code("SUV-043", 3, "no radiopharmaceutical")
MSK_001 = _code("MSK-001", 3, "mask off the grid")
MSK_002 = _code("MSK-002", 3, "mask of another coordinate system")
MSK_003 = _code("MSK-003", 3, "segment not identified")
MSK_004 = _code("MSK-004", 3, "mask is empty")
MSK_006 = _code("MSK-006", 3, "two lesions overlap")
MSK_007 = _code("MSK-007", 3, "contours not usable")
MSK_008 = _code("MSK-008", 3, "contours between the slices")
MSK_009 = _code("MSK-009", 3, "mask does not say where it lies")
MSK_011 = _code("MSK-011", 3, "mask values are not whole numbers")
MSK_014 = _code("MSK-014", 3, "mask of another size")
MSK_015 = _code("MSK-015", 3, "mask beyond the limits")
MDL_001 = _code("MDL-001", 6, "no such model")
MDL_002 = _code("MDL-002", 6, "card malformed")
MDL_003 = _code("MDL-003", 6, "weights missing")
MDL_004 = _code("MDL-004", 6, "weights are not those of the card")
MDL_005 = _code("MDL-005", 6, "network class not allowed")
MDL_006 = _code("MDL-006", 6, "tensors do not fit the network")
MDL_007 = _code("MDL-007", 6, "test-only model")
MDL_008 = _code("MDL-008", 6, "file that could hold code")
SEG_101 = _code("SEG-101", 6, "not the unit or modality of the model")
SEG_102 = _code("SEG-102", 6, "values are not HU")
SEG_103 = _code("SEG-103", 6, "spacing outside the model's range")
SEG_105 = _code("SEG-105", 4, "no abdomen in view")
SEG_106 = _code("SEG-106", 7, "device absent")
SEG_107 = _code("SEG-107", 7, "out of memory")
SEG_108 = _code("SEG-108", 6, "non-finite network output")
SEG_109 = _code("SEG-109", 4, "liver not found")
FACT_KEY = _code("FACT-KEY", 3, "not a fact")
FACT_MISSING = _code("FACT-MISSING", 3, "fact incomplete")
FACT_TYPE = _code("FACT-TYPE", 3, "fact of the wrong type")
FACT_UNIT = _code("FACT-UNIT", 3, "unit not accepted")
FACT_RANGE = _code("FACT-RANGE", 3, "physically impossible")
FACT_DATE = _code("FACT-DATE", 3, "not a date")
FACT_DATE_FUTURE = _code("FACT-DATE-FUTURE", 3, "date after the assessment")
FACT_IMAGE = _code("FACT-IMAGE", 3, "measured from the image")
FACT_SIZE = _code("FACT-SIZE", 3, "facts file beyond the limits")
LES_OVERFLOW = _code("LES-OVERFLOW", 3, "lesions larger than their segment")
LES_UNKNOWN = _code("LES-UNKNOWN", 3, "unknown lesion")
LES_TWICE = _code("LES-TWICE", 3, "name used twice")
OUT_001 = _code("OUT-001", 8, "cannot write")
OUT_002 = _code("OUT-002", 8, "output folder holds something else")
OUT_003 = _code("OUT-003", 8, "disk full")
OUT_005 = _code("OUT-005", 8, "output and input lie inside each other")
OUT_006 = _code("OUT-006", 8, "not a netimg result")
RUN_001 = _code("RUN-001", 7, "worker ended")
RUN_002 = _code("RUN-002", 7, "took too long")
RUN_005 = _code("RUN-005", 4, "required part missing")
INT_001 = _code("INT-001", 70, "something unexpected happened")
EXIT_OK = 0
EXIT_NO = 1
"""A check ran and its answer is no."""
EXIT_PARTIAL = 5
"""Some studies of a batch are done, some failed."""
EXIT_NOTHING = 4
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

EXITS = {
    0: ("ok", "done; also none found, warnings, questions that cannot be judged"),
    1: ("answer is no", "a check ran and says no"),
    2: ("request", "what was typed is wrong: option, value, setting, rule file"),
    3: ("input", "what was given is wrong: path, file, mask, facts"),
    4: (
        "nothing usable",
        "readable, but neither CT nor PET can be used, or a required part is missing",
    ),
    5: ("partial", "batch: some studies done, some failed"),
    6: ("model", "card, weights, network, or an image outside what the model covers"),
    7: ("resources", "device, memory or time"),
    8: ("output", "cannot be written, holds something else, disk full"),
    70: ("bug", "something unexpected: please report it"),
    130: ("interrupted", "Ctrl-C"),
    143: ("terminated", "SIGTERM"),
}
"""Every exit status: its name and when a command ends with it."""
