"""What `el.torch.LSTM` costs over calling `el.LSTM` on NumPy arrays: ``python -m bench.torch_door``.

One thread; in each of many rounds every contestant has one turn, so that what disturbs the machine disturbs all;
medians of the processor's time are compared. "call" is inference, "training step" a forward and a backward pass with
the gradients of all parameters, which have changed since the step before.

"least" is the direct computation inside of a `torch.autograd.Function` that does nothing else: what PyTorch's autograd
itself takes. Warm that is some 40 us, but after 10 ms of other work its code and data have left the caches, and it
takes many times that. No module that autograd knows can be nearer to the direct call than "least" is.
"""

import statistics
import time

import numpy as np
import torch

import eigenlstm as el

SMALL = [(1, 1, 8, 16, 1), (4, 10, 8, 16, 1), (4, 10, 8, 16, 2)]  # T, B, I, H, layers
LARGE = [(100, 32, 128, 128, 1), (100, 64, 64, 256, 1), (60, 32, 64, 128, 2)]


class Least(torch.autograd.Function):
    @staticmethod
    def forward(ctx, run, *weights):
        ctx.save_for_backward(*weights)
        y, ctx.back = run()
        return torch.from_numpy(y)

    @staticmethod
    def backward(ctx, dy):
        ctx.back(dy.numpy())
        return None, *ctx.saved_tensors


def medians(contestants, rounds, repeats):
    """Microseconds of the processor's time that one call of each takes, the median over the rounds."""
    times = [[] for _ in contestants]
    for _ in range(rounds):
        for call, found in zip(contestants, times):
            start = time.thread_time()
            for _ in range(repeats):
                call()
            found.append((time.thread_time() - start) / repeats * 1e6)
    return [statistics.median(found) for found in times]


def contestants(T, B, I, H, layers):
    """(direct, least, through el.torch) of a call and of a training step."""
    module = el.torch.LSTM(I, H, layers)
    lstm = el.LSTM.from_state_dict(module.state_dict(), time_major=True)
    x = torch.randn(T, B, I)
    array, ones = x.numpy(), np.ones((T, B, H), np.float32)
    dy = torch.from_numpy(ones)
    weights, changed = list(module.parameters()), module.bias_ih_l0.detach().numpy()

    def call():
        with torch.no_grad():
            module(x)

    def forward():
        lstm.zero_grad()
        lstm.touch()  # as after a step of an optimizer
        y, _, tape = lstm.forward(array)
        return y, lambda dy: lstm.backward(tape, dy, need_dx=False)

    def direct_step():
        y, back = forward()
        back(ones)
        return y  # which the layers that follow need, too

    def least_step():
        for weight in weights:
            weight.grad = None
        Least.apply(forward, *weights).backward(dy)

    def step():
        for weight in weights:
            weight.grad = None
        changed[0] += 1e-6  # as an optimizer changes it
        module(x)[0].backward(dy)

    direct = lambda: lstm(array)
    return {"call": (direct, direct, call), "training step": (direct_step, least_step, step)}


def main():
    el.set_num_threads(1)
    torch.set_num_threads(1)
    print(
        f"{'T':>4} {'B':>3} {'I':>4} {'H':>4} {'layers':>6}  {'us':13} {'direct':>9} {'least':>9} {'el.torch':>9}",
        end="",
    )
    print(f" {'more':>7} {'ratio':>6} {'to least':>8}")
    for shapes, rounds, repeats in ((SMALL, 300, 20), (LARGE, 40, 1)):
        for shape in shapes:
            for what, calls in contestants(*shape).items():
                direct, least, through = medians(calls, rounds, repeats)
                T, B, I, H, layers = shape
                print(
                    f"{T:4} {B:3} {I:4} {H:4} {layers:6}  {what:13} {direct:9.1f} {least:9.1f} {through:9.1f}", end=""
                )
                print(f" {through - direct:7.1f} {through / direct:6.3f} {through / least:8.3f}")


if __name__ == "__main__":
    main()
