"""What `el.torch.LSTM` costs over calling `el.LSTM` on NumPy arrays: ``python -m bench.torch_door``.

One thread; in each of many rounds every contestant has one turn, so that what disturbs the machine disturbs all; the medians
are compared. "call" is inference, "training step" a forward and a backward pass with the gradients of all parameters.
"""

import statistics
import time

import numpy as np
import torch

import eigenlstm as el

SMALL = [(1, 1, 8, 16, 1), (4, 10, 8, 16, 1), (4, 10, 8, 16, 2)]  # T, B, I, H, layers
LARGE = [(100, 32, 128, 128, 1), (100, 64, 64, 256, 1), (60, 32, 64, 128, 2)]


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


def pairs(T, B, I, H, layers):
    """(direct, through torch) of a call and of a training step."""
    module = el.torch.LSTM(I, H, layers)
    lstm = el.LSTM.from_state_dict(module.state_dict(), time_major=True)
    x = torch.randn(T, B, I)
    array, ones = x.numpy(), np.ones((T, B, H), np.float32)
    dy = torch.from_numpy(ones)

    def module_call():
        with torch.no_grad():
            module(x)

    def direct_step():
        lstm.zero_grad()
        lstm.touch()  # as after a step of an optimizer
        y, _, tape = lstm.forward(array)
        lstm.backward(tape, ones, need_dx=False)
        return y  # which the layers that follow need, too

    weights, changed = list(module.parameters()), module.bias_ih_l0.detach().numpy()

    def module_step():
        for weight in weights:
            weight.grad = None
        changed[0] += 1e-6  # as an optimizer changes it
        module(x)[0].backward(dy)

    return {"call": (lambda: lstm(array), module_call), "training step": (direct_step, module_step)}


def main():
    el.set_num_threads(1)
    torch.set_num_threads(1)
    print(
        f"{'T':>4} {'B':>3} {'I':>4} {'H':>4} {'layers':>6}  {'':13} {'direct us':>10} {'torch us':>10} {'more us':>8} ratio"
    )
    for shapes, rounds, repeats in ((SMALL, 300, 20), (LARGE, 40, 1)):
        for T, B, I, H, layers in shapes:
            for what, contestants in pairs(T, B, I, H, layers).items():
                direct, through = medians(contestants, rounds, repeats)
                print(
                    f"{T:4} {B:3} {I:4} {H:4} {layers:6}  {what:13} {direct:10.1f} {through:10.1f} "
                    f"{through - direct:8.1f} {through / direct:5.3f}"
                )


if __name__ == "__main__":
    main()
