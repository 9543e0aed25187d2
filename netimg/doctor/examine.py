"""Every item of ``netimg doctor``, in the order it prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.doctor.item import Item, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        About 40 of them, in under 5 s on two cores. Where a package is missing that an item needs,
        that item fails and the others are looked at all the same.
    """
    for name, look in (
        ("packages", _packages),
        ("machine", _machine),
        ("decoders", lambda: _decoders(settings)),
        ("models", lambda: _models(settings)),
        ("criteria", lambda: _criteria(settings)),
        ("surroundings", lambda: _around(settings)),
    ):
        yield from _guarded(name, look)


def _guarded(name: str, look: Callable[[], Iterator[Item]]) -> Iterator[Item]:
    try:
        yield from look()
    except ImportError as error:
        package = (error.name or "a package").partition(".")[0]
        yield Item(
            name=name,
            status=Status.FAIL,
            found=f"could not be looked at: {package} cannot be loaded",
            todo="Install netimg again, with the packages it needs.",
        )


# Each imports what it looks at: an installation that lacks a package must still be told so.


def _packages() -> Iterator[Item]:
    from netimg.doctor import packages

    yield packages.check_netimg()
    yield packages.check_python()
    yield packages.check_needs()
    yield packages.check_lock()
    yield packages.check_native()


def _machine() -> Iterator[Item]:
    from netimg.doctor import machine

    yield machine.check_processor()
    yield machine.check_temporary()
    yield machine.check_cores()
    yield machine.check_gpu()


def _decoders(settings: Settings) -> Iterator[Item]:
    from netimg.doctor.decoders import check_decoders

    yield from check_decoders(settings)


def _models(settings: Settings) -> Iterator[Item]:
    from netimg.doctor.parts import check_models

    yield from check_models(settings)


def _criteria(settings: Settings) -> Iterator[Item]:
    from netimg.doctor.parts import check_criteria

    yield check_criteria(settings)


def _around(settings: Settings) -> Iterator[Item]:
    from netimg.doctor import around
    from netimg.doctor.settings_rows import check_settings

    yield around.check_fonts()
    yield from around.check_programs()
    yield check_settings(settings)
