"""Every item of ``netimg doctor``, in the order it prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.doctor.around import check_fonts, check_programs
from netimg.doctor.decoders import check_decoders
from netimg.doctor.machine import check_cores, check_gpu, check_processor, check_temporary
from netimg.doctor.packages import (
    check_lock,
    check_native,
    check_needs,
    check_netimg,
    check_python,
)
from netimg.doctor.parts import check_criteria, check_models
from netimg.doctor.settings_rows import check_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netimg.doctor.item import Item
    from netimg.settings import Settings


def examine(settings: Settings) -> Iterator[Item]:
    """Look at the installation, one item after another, as they are found.

    Parameters
    ----------
    settings
        The effective ones: model folders, further rules and limits are those that a run would use.

    Yields
    ------
    Item
        About 40 of them, in under 5 s on two cores.
    """
    yield check_netimg()
    yield check_python()
    yield check_needs()
    yield check_lock()
    yield check_native()
    yield check_processor()
    yield check_cores()
    yield check_gpu()
    yield from check_decoders(settings)
    yield from check_models(settings)
    yield check_criteria(settings)
    yield check_temporary()
    yield check_fonts()
    yield from check_programs()
    yield check_settings(settings)
