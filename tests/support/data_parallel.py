"""One of two ranks of test_torch_processes: ``python data_parallel.py RANK MEETING OUT.npz``, MEETING a file to meet
at.
"""

import sys

import numpy as np
import torch

import eigenlstm as el


def make_model():
    torch.manual_seed(0)
    return el.torch.LSTM(3, 5, num_layers=2, dtype=torch.float64)


def train(model, rows):
    """Three steps on some rows of six."""
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    x = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for _ in range(3):
        optimizer.zero_grad()
        model(x[:, rows])[0].square().mean().backward()
        optimizer.step()


if __name__ == "__main__":
    rank = int(sys.argv[1])
    torch.set_num_threads(1)
    el.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
    model = torch.nn.parallel.DistributedDataParallel(make_model())
    train(model, slice(3 * rank, 3 * rank + 3))
    np.savez(sys.argv[3], *(weight.detach().numpy() for weight in model.parameters()))
    torch.distributed.destroy_process_group()
