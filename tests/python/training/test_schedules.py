"""Schedules against PyTorch's, step by step."""

import pytest

from eigenlstm import schedules


def test_step_decay_and_warm_up():
    rate = schedules.step_decay(0.8, every=3, factor=0.5)
    assert [rate(n) for n in range(7)] == [0.8] * 3 + [0.4] * 3 + [0.2]
    rate = schedules.warm_up(schedules.step_decay(0.8, every=3, factor=0.5), steps=2)
    assert [rate(n) for n in range(4)] == [0.0, 0.4, 0.8, 0.4]
    assert schedules.warm_up(0.1, steps=4, start=0.5)(2) == pytest.approx(0.075)


def test_ends():
    rate = schedules.cosine(1.0, steps=10, final=0.1)
    assert rate(0) == 1 and rate(10) == rate(99) == pytest.approx(0.1)
    rate = schedules.one_cycle(1.0, steps=100)
    assert rate(0) == pytest.approx(0.04) and rate(29) == 1 and rate(99) == rate(200) == pytest.approx(4e-6)


@pytest.mark.parametrize(
    "ours, theirs",
    [
        (
            lambda: schedules.step_decay(0.1, every=7, factor=0.3),
            lambda torch, opt: torch.optim.lr_scheduler.StepLR(opt, 7, 0.3),
        ),
        (
            lambda: schedules.cosine(0.1, steps=30, final=0.01),
            lambda torch, opt: torch.optim.lr_scheduler.CosineAnnealingLR(opt, 30, 0.01),
        ),
        (
            lambda: schedules.one_cycle(0.1, steps=30),
            lambda torch, opt: torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=30),
        ),
    ],
)
def test_parity_with_torch(ours, theirs):
    torch = pytest.importorskip("torch", reason="the peer")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler, rate = theirs(torch, optimizer), ours()
    for step in range(30):
        assert rate(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        if step < 29:
            scheduler.step()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: schedules.step_decay(0.1, every=0), "step_decay: every must be positive, got 0"),
        (lambda: schedules.cosine(-1, steps=3), "cosine: rate must be positive, got -1"),
        (lambda: schedules.one_cycle(1, steps=2), "one_cycle: warm must lie"),
        (lambda: schedules.warm_up(0.1, steps=0), "warm_up: steps must be positive"),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(ValueError, match=message):
        call()
