"""Devices: asked for and absent is refused, auto never is, and precision follows the processor."""

import pytest
import torch  # noqa: TID253  # the tests run networks

from netimg.errors import ResourceError
from netimg.segmentation import device
from netimg.segmentation.device import (
    budget,
    choose_device,
    cores_available,
    has_bfloat16,
    is_out_of_memory,
)

no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


@no_cuda
@pytest.mark.parametrize("asked", ["cuda", "cuda:0", "cuda:3"])
def test_a_gpu_asked_for_and_absent_is_refused_in_one_paragraph(asked):
    with pytest.raises(ResourceError) as caught:
        choose_device(asked)
    assert caught.value.code.id == "SEG-106"
    assert caught.value.exit_code == 7
    assert str(caught.value) == (
        f"SEG-106 device absent: {asked} was asked for; this machine has no CUDA device. "
        "Use --device auto or cpu."
    )


@no_cuda
def test_auto_takes_the_processor_and_says_why():
    chosen = choose_device("auto")
    assert chosen.name == "cpu"
    assert "no CUDA device" in chosen.reason


def test_precision_is_what_the_processor_multiplies_itself():
    chosen = choose_device("cpu")
    assert chosen.dtype == ("bfloat16" if has_bfloat16() else "float32")
    assert choose_device("cpu", precision="float32").dtype == "float32"


def test_a_torch_without_the_private_questions_has_no_bfloat16(monkeypatch):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not has_bfloat16()


def test_threads_are_the_cores_of_this_process_unless_said():
    assert 1 <= budget().threads <= min(cores_available(), device.THREADS_MAX)
    assert budget(3).threads == 3
    assert budget().memory_mb > 100


@pytest.mark.parametrize(
    ("line", "cores"),
    [
        ("150000 100000", 2),
        ("100000 100000", 1),
        ("20000 100000", 1),
        ("max 100000", None),
        ("", None),
    ],
)
def test_a_quota_counts_as_whole_cores(line, cores):
    assert device._cgroup_cores([line]) == cores


@pytest.mark.parametrize(
    ("error", "yes"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_only_a_lack_of_memory_is_one(error, yes):
    assert is_out_of_memory(error) is yes
