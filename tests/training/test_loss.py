"""What is not known does not pull."""

import pytest

from netimg.training.loss import structure_loss

torch = pytest.importorskip("torch")


def test_voxels_without_weight_have_no_gradient_and_no_part_in_the_value() -> None:
    torch.manual_seed(0)
    logit = torch.randn(1, 1, 6, 6, 6, requires_grad=True)
    target = (torch.rand(1, 1, 6, 6, 6) > 0.5).float()
    weight = (torch.rand(1, 1, 6, 6, 6) > 0.4).float()
    value = structure_loss(logit, target, weight)
    value.backward()
    assert logit.grad is not None
    assert float(logit.grad[weight == 0].abs().max()) == 0.0
    assert float(logit.grad[weight == 1].abs().min()) > 0.0
    changed = torch.where(weight == 0, 1.0 - target, target)
    again = structure_loss(logit, changed, weight)
    assert again.item() == pytest.approx(value.item())


def test_a_perfect_answer_costs_nothing_and_a_wrong_one_more_than_one() -> None:
    target = torch.zeros(1, 1, 4, 4, 4)
    target[..., :2] = 1.0
    weight = torch.ones_like(target)
    right, wrong = (40.0 * (2.0 * target - 1.0) * sign for sign in (1.0, -1.0))
    assert float(structure_loss(right, target, weight)) == pytest.approx(0.0, abs=1e-4)
    assert float(structure_loss(wrong, target, weight)) > 1.0


def test_a_higher_weight_of_misses_makes_misses_dearer() -> None:
    target = torch.ones(1, 1, 4, 4, 4)
    weight = torch.ones_like(target)
    timid = torch.full_like(target, -1.0)
    plain = structure_loss(timid, target, weight)
    recall = structure_loss(timid, target, weight, false_positive=0.3, false_negative=0.7)
    assert float(recall) > float(plain)


def test_nothing_known_at_all_is_no_error() -> None:
    nothing = torch.zeros(1, 1, 4, 4, 4)
    assert float(structure_loss(torch.randn_like(nothing), nothing, nothing)) == pytest.approx(0.0)
