"""Weights are checked before they are parsed, and fit exactly or not at all."""

from pathlib import Path

import pytest
import torch  # noqa: TID253  # the tests run networks

from netimg.errors import ModelError
from netimg.segmentation.nets import build_network
from netimg.segmentation.weights import canonical, fill, load_weights, save_weights, sha256

DYN = {
    "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "kernel_size": [3, 3, 3, 3, 3],
    "strides": [1, 2, 2, 2, 2], "upsample_kernel_size": [2, 2, 2, 2],
    "filters": [4, 8, 8, 8, 8], "norm_name": ["INSTANCE", {"affine": True}],
}  # fmt: skip


def network(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_network("DynUNet", DYN).eval()


def test_the_canonical_form_holds_each_tensor_once() -> None:
    net = network(0)
    tensors = canonical(net)
    assert (len(net.state_dict()), len(tensors)) == (118, 60)
    assert sum(t.numel() for t in tensors.values()) == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("half", "bytes_per_number"), [(True, 2), (False, 4)])
def test_weights_come_back_from_disk_and_give_the_same_output(
    tmp_path: Path, half: bool, bytes_per_number: int
) -> None:
    first, second = network(0), network(1)
    path = tmp_path / "weights.safetensors"
    save_weights(path, canonical(first), half=half)
    numbers = sum(p.numel() for p in first.parameters())
    assert path.stat().st_size < numbers * bytes_per_number + 10_000
    tensors = load_weights(path, expected_bytes=path.stat().st_size, expected_sha256=sha256(path))
    assert {t.dtype for t in tensors.values()} == {torch.float32}
    fill(second, tensors)
    x = torch.randn(1, 1, 32, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(first(x), second(x), rtol=0, atol=2e-2 if half else 0)


def test_one_flipped_byte_is_noticed_before_parsing(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, canonical(network(0)), half=True)
    right = sha256(path)
    data = bytearray(path.read_bytes())
    data[3] ^= 0xFF  # in the length of the header: parsing would fail otherwise
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"MDL-004.*weights\.safetensors"):
        load_weights(path, expected_bytes=len(data), expected_sha256=right)


def test_a_missing_file_and_a_wrong_size_are_the_same_refusal(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(ModelError, match="MDL-003"):
        load_weights(path, expected_bytes=10)
    path.write_bytes(b"123456789")
    with pytest.raises(ModelError, match=r"MDL-003.*9 bytes, expected 10"):
        load_weights(path, expected_bytes=10)


def test_weights_of_another_network_name_the_first_three_tensors() -> None:
    other = build_network("PatchNormUNet", {"pool": 2, "residual": True, "flat_bottom": True})
    with pytest.raises(ModelError, match=r"MDL-006.*\.\.\. of 60 tensors"):
        fill(network(0), canonical(other))


def test_a_tensor_of_another_shape_does_not_fit() -> None:
    tensors = dict(canonical(network(0)))
    name = next(iter(tensors))
    tensors[name] = tensors[name][:1]
    with pytest.raises(ModelError, match="MDL-006") as refusal:
        fill(network(1), tensors)
    assert name in str(refusal.value)
