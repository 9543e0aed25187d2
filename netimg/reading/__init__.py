"""From a folder, a zip or a file to a Study: every file accounted for, geometry and SUV checked.

In: a path, what a person typed, Settings. Out: Study, whose series load as Volume in HU or SUVbw.
Bytes are foreign: budgets before allocation, only regular files, no name from a file is opened.
A geometry or an SUV that is not certain is refused with its code, never guessed.
Start reading at `studies`; `stack` holds the geometry, `suv` the longest story.
"""

from netimg.reading.studies import open_study

__all__ = ["open_study"]
