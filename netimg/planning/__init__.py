"""From Findings to Plans: what an operation would leave, and what it would clear.

In: Findings (liver, segments, lesions), clinical Facts, an Anatomy where masks are known. Out:
Plans: those that the facts name, and the standard right hepatectomy for every liver that was
measured. A number that cannot be had carries the reasons. Judges nothing.
Start reading at `remnant`; `liver_model` is what it computes on.
"""

from netimg.planning.plans import plan

__all__ = ["plan"]
