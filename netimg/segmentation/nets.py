"""From the names in a model card to networks, without importing torch until one is built.

``build_network("DynUNet", {...})`` for the networks of MONAI that a card may name, and
``build_network("PatchNormUNet", {...})`` for our own (`netimg.segmentation.architectures`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netimg.errors import MDL_005, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

MONAI = ("BasicUNet", "DynUNet", "SegResNet", "UNet")
OWN = ("PatchNormUNet",)


def build_network(class_name: str, kwargs: Mapping[str, Any]) -> torch.nn.Module:
    """Network of an allowed class, with random weights.

    Raises
    ------
    ModelError
        MDL-005 if the class is not on the list; a card can never name arbitrary code.
    """
    if class_name in OWN:
        import torch

        from netimg.segmentation.architectures import PatchNormUNet

        # Its channels (20, 40, 80) suit no blocked layout: 2-4 times faster this way.
        network: torch.nn.Module = PatchNormUNet(**kwargs)
        for parameter in network.parameters():
            if parameter.ndim == 5:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
        return network
    if class_name in MONAI:
        from monai.networks import nets

        found: torch.nn.Module = getattr(nets, class_name)(**kwargs)
        return found
    raise ModelError(
        MDL_005,
        what=f"{class_name!r} is not one of {', '.join((*MONAI, *OWN))}.",
        todo="Use one of these network classes in the card.",
    )
