"""eigenlstm.apps.images in PyTorch: ``python -m bench.apps.images_torch``."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

import eigenlstm as el
from bench.apps import twin
from eigenlstm.apps import images


class Images(nn.Module):
    def __init__(self, size, classes):
        super().__init__()
        self.lstm = nn.LSTM(2 * size, images.HIDDEN, bidirectional=True, batch_first=True)
        self.dropout, self.output = nn.Dropout(0.3), nn.Linear(2 * images.HIDDEN, classes)

    def forward(self, x, lengths):
        return self.output(self.dropout(self.lstm(x)[0].amax(dim=1)))


def loss(model, x, lengths, y):
    return nn.functional.cross_entropy(model(x, lengths), torch.tensor(np.stack(y)), label_smoothing=0.05)


def main(arguments=None):
    given = twin.options(__doc__, 20, arguments=arguments)
    given.data = given.data and Path(given.data)
    (x, y), (x_test, y_test), names = images.pictures(given)
    valid = len(x) // 12
    model = Images(x.shape[1], len(names))
    seconds = twin.train(
        model,
        loss,
        {"x": images.lines(x[valid:]), "y": y[valid:]},
        valid={"x": images.lines(x[:valid]), "y": y[:valid]},
        epochs=given.epochs,
        size=images.BATCH,
        rate=el.schedules.one_cycle(images.PEAK, steps=given.epochs * -(-(len(x) - valid) // images.BATCH)),
        seed=given.seed,
        ema=1 - 1 / -(-(len(x) - valid) // images.BATCH),
        augment=images.mirrored if names == images.CLOTHES else images.moved,
    )
    model.eval()
    with torch.no_grad():
        views = [x_test, x_test[:, :, ::-1]] if names == images.CLOTHES else [x_test]
        logits = sum(model(torch.from_numpy(images.lines(view)), None) for view in views)
    print({"accuracy": float((logits.argmax(dim=1).numpy() == y_test).mean())}, f"{seconds:.1f} processor seconds")


if __name__ == "__main__":
    main()
