"""Arithmetic of decay: seconds in, ratios out."""

from __future__ import annotations

import math

_FAR = 10.0
"""Half-lives beyond which two times are not compared any more."""


def decayed(seconds: float, half_life_s: float) -> float:
    """Share of the activity that is left after ``seconds``."""
    return math.exp2(-seconds / half_life_s)


def mean_count_s(frame_s: float, half_life_s: float) -> float:
    """Time into a frame at which the activity equals its mean over the frame.

    Examples
    --------
    >>> round(mean_count_s(300.0, 6586.2), 3)
    149.605
    """
    x = math.log(2.0) / half_life_s * frame_s
    if x < 1e-9:
        return frame_s / 2.0
    return math.log(x / -math.expm1(-x)) * half_life_s / math.log(2.0)


def frame_gain(frame_s: float, half_life_s: float) -> float:
    """Activity at the start of a frame over its mean during the frame."""
    x = math.log(2.0) / half_life_s * frame_s
    return 1.0 if x < 1e-12 else x / -math.expm1(-x)


def change(seconds: float, half_life_s: float) -> float:
    """Factor on SUV when the reference moves by ``seconds``; no further than 1000 times."""
    return math.exp2(max(-_FAR, min(_FAR, seconds / half_life_s)))


def apart(seconds: float, half_life_s: float) -> float:
    """Relative change of SUV when the reference moves by ``seconds``."""
    return abs(change(seconds, half_life_s) - 1.0)


def percent_text(off: float) -> str:
    """A relative difference of SUV in percent, as a reader can take it in."""
    return f"{100.0 * off:.1f}" if off < _FAR else f"more than {100.0 * _FAR:.0f}"
