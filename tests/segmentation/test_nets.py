"""Networks are built by name, from a closed list, and do what their card says."""

import pytest
import torch  # noqa: TID253  # the tests run networks

from netimg.errors import ModelError
from netimg.segmentation.nets import build_network

LIVER = {"pool": 3, "residual": False, "flat_bottom": False}
LESION = {"pool": 2, "residual": True, "flat_bottom": True}


@pytest.mark.parametrize("name", ["os.system", "torch.nn.Linear", "Linear", ""])
def test_a_class_that_is_not_on_the_list_is_refused_by_name(name: str) -> None:
    with pytest.raises(ModelError, match="MDL-005") as refusal:
        build_network(name, {})
    assert repr(name) in str(refusal.value)


def test_the_networks_have_the_parameters_of_the_public_ones() -> None:
    sizes = {}
    for name, kwargs, layers in (("liver", LIVER, 15), ("lesion", LESION, 21)):
        network = build_network("PatchNormUNet", kwargs)
        kernels = [p for p in network.parameters() if p.ndim == 5]
        assert len(kernels) == layers
        sizes[name] = sum(p.numel() for p in network.parameters())
    assert sizes == {"liver": 3_874_961, "lesion": 3_464_221}


def test_output_has_the_shape_of_the_input_or_loses_the_border_of_valid_convolutions() -> None:
    with torch.inference_mode():
        liver = build_network("PatchNormUNet", LIVER)(torch.zeros(1, 1, 27, 54, 27))
        lesion = build_network("PatchNormUNet", LESION)(torch.zeros(1, 1, 8, 16, 24))
        valid = build_network("PatchNormUNet", {**LESION, "padding": "valid"})
        assert liver.shape == (1, 1, 27, 54, 27)
        assert lesion.shape == (1, 1, 8, 16, 24)
        assert valid(torch.zeros(1, 1, 46, 92, 100)).shape == (1, 1, 2, 4, 12)


def test_linear_upsampling_is_nearest_upsampling_and_a_mean_of_three() -> None:
    x = torch.randn(1, 2, 4, 5, 6)
    near = torch.nn.functional.interpolate(x, scale_factor=3.0, mode="nearest")
    mean = torch.nn.functional.avg_pool3d(
        torch.nn.functional.pad(near, (1,) * 6, mode="replicate"), 3, stride=1
    )
    linear = torch.nn.functional.interpolate(
        x, scale_factor=3.0, mode="trilinear", align_corners=False
    )
    torch.testing.assert_close(linear, mean)


def test_each_channel_is_brought_to_mean_0_and_sd_1_over_its_patch() -> None:
    from netimg.segmentation.architectures import PatchNorm

    x = torch.randn(1, 3, 6, 7, 8) * 5.0 + 40.0
    y = PatchNorm()(x)
    linear = torch.where(y < 0, y / 0.01, y)
    torch.testing.assert_close(linear.mean(dim=(2, 3, 4)), torch.zeros(1, 3), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        linear.std(dim=(2, 3, 4), correction=0), torch.ones(1, 3), atol=1e-4, rtol=0
    )


def test_statistics_recorded_on_a_patch_and_fixed_give_the_same_output_there() -> None:
    torch.manual_seed(1)
    network = build_network("PatchNormUNet", LESION)
    x = torch.randn(1, 1, 16, 24, 16)
    with torch.inference_mode():
        for norm in network.norms():  # type: ignore[operator]
            norm.recorded = []
        own = network(x)
        for norm in network.norms():  # type: ignore[operator]
            ((mean, variance),) = norm.recorded
            norm.fixed, norm.recorded = (mean, variance), None
        fixed = network(x)
        other = network(x * 3.0)
    torch.testing.assert_close(fixed, own, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(other, own, rtol=2e-2, atol=2e-2)


def test_in_a_batch_each_patch_is_normalised_by_itself() -> None:
    from netimg.segmentation.architectures import PatchNorm

    x = torch.randn(2, 3, 6, 7, 8) * torch.tensor([5.0, 30.0]).view(2, 1, 1, 1, 1) + 40.0
    norm = PatchNorm()
    alone = torch.cat([norm(x[:1].clone()), norm(x[1:].clone())])
    torch.testing.assert_close(norm(x.clone()), alone, atol=1e-4, rtol=1e-4)
