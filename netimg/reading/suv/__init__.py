"""From PET headers to SUV, or a refusal that says why.

In: one `PetSlice` per slice, policy, overrides. Out: `SuvResult` with one factor per slice, every
decay reference that could be right, and the notes. Pure: no pixels, no files, no clock.
Start reading at `resolve`; `candidates` holds the longest story: to which time the values were
corrected.
"""

from netimg.reading.suv.resolve import resolve
from netimg.reading.suv.result import SuvResult

__all__ = ["SuvResult", "resolve"]
