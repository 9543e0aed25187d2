"""Public arrays land where they belong, turned the right way round."""

import numpy as np
import pytest

from netimg.training.pretrained import INPUT_SCALE, convert

torch = pytest.importorskip("torch")

LESION = {"pool": 2, "residual": True, "flat_bottom": True}


def arrays(kwargs: dict[str, object]) -> dict[str, np.ndarray]:
    """Random arrays in the layout of the public file: kernels (x, y, z, in, out)."""
    from netimg.segmentation.nets import build_network

    rng = np.random.default_rng(0)
    made = {}
    network = build_network("PatchNormUNet", kwargs)
    names = [n.removesuffix(".weight") for n, p in network.named_parameters() if p.ndim == 5]
    for number, name in enumerate(names, start=1):
        out, inside, z, y, x = network.get_parameter(f"{name}.weight").shape
        made[f"conv3d_{number}/kernel"] = rng.normal(size=(x, y, z, inside, out)).astype("f4")
        made[f"conv3d_{number}/bias"] = rng.normal(size=out).astype("f4")
    return made


def test_kernels_are_transposed_and_turned_round_in_y_and_x() -> None:
    public = arrays(LESION)
    tensors = convert(public, LESION)
    ours = tensors["down.0.conv2.weight"].numpy()
    theirs = public["conv3d_2/kernel"]
    for z, y, x in ((0, 0, 0), (2, 1, 0), (1, 2, 2)):
        np.testing.assert_array_equal(ours[5, 3, z, y, x], theirs[2 - x, 2 - y, z, 3, 5])


def test_the_input_scale_is_taken_up_by_whatever_sees_the_image() -> None:
    public = arrays(LESION)
    tensors = convert(public, LESION)
    first = public["conv3d_1/kernel"].transpose(4, 3, 2, 1, 0)[..., ::-1, ::-1]
    np.testing.assert_allclose(tensors["down.0.conv1.weight"], INPUT_SCALE * first, rtol=1e-6)
    shortcut = public["conv3d_3/kernel"].transpose(4, 3, 2, 1, 0)
    np.testing.assert_allclose(tensors["down.0.shortcut.weight"], INPUT_SCALE * shortcut, rtol=1e-6)


def test_every_layer_of_the_file_is_used_once() -> None:
    public = arrays(LESION)
    assert len(convert(public, LESION)) == len(public) == 42
