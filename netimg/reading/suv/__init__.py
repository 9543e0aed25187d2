"""From PET headers to SUV, or a refusal that says why.

In: one `PetSlice` per slice, policy, overrides. Out: `SuvResult` with one factor per slice, every
decay reference that could be right, and the notes. Pure: no pixels, no files, no clock.
Start reading at `resolve`; the rules are those of ``docs`` on SUV, in the order written there.
"""

from netimg.reading.suv.resolve import SuvResult, resolve

__all__ = ["SuvResult", "resolve"]
