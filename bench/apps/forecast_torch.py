"""eigenlstm.apps.forecast in PyTorch: ``python -m bench.apps.forecast_torch``."""

import numpy as np
import torch
from torch import nn

import eigenlstm as el
from bench.apps import twin
from eigenlstm.apps import forecast


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.dropout = nn.LSTM(6, 64, batch_first=True), nn.Dropout(0.2)
        self.output = nn.Linear(64, forecast.HORIZON * len(forecast.QUANTILES))

    def forward(self, x, lengths):
        return self.output(self.dropout(self.lstm(x)[0][:, -1]))


def pinball(model, x, lengths, y):
    error = torch.from_numpy(np.stack(y))[:, :, None] - model(x, lengths).unflatten(1, (forecast.HORIZON, -1))
    levels = torch.tensor(forecast.QUANTILES)
    return torch.maximum(levels * error, (levels - 1) * error).mean()


def main(arguments=None):
    given = twin.options(__doc__, 10, arguments=arguments)
    task = forecast.Task()
    (x, y), (x_valid, y_valid) = task.examples(task.train), task.examples(task.valid)
    model = Forecast()
    seconds = twin.train(
        model,
        pinball,
        {"x": x, "y": y},
        valid={"x": x_valid, "y": y_valid},
        epochs=given.epochs,
        size=64,
        rate=el.schedules.one_cycle(4e-3, steps=given.epochs * -(-len(x) // 64)),
        seed=given.seed,
        augment=lambda batch, rng: batch,
    )
    twin.finished(seconds)
    model.eval()
    x, y = task.examples(task.test)
    with torch.no_grad():
        told = model(torch.from_numpy(x), None).numpy().reshape(len(y), forecast.HORIZON, -1)
    error = np.abs(np.sort(told, axis=2)[:, :, forecast.MEDIAN] - y).mean() * task.scale[1]
    print({"mae": float(error)}, f"{seconds:.1f} processor seconds")


if __name__ == "__main__":
    main()
