"""eigenlstm.apps.classify in PyTorch: ``python -m bench.apps.classify_torch``."""

import torch
from torch import nn

from bench.apps import twin
from eigenlstm import data
from eigenlstm.apps import classify


class Classify(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(12, 32, bidirectional=True, batch_first=True)
        self.dropout, self.output = nn.Dropout(0.3), nn.Linear(64, 9)

    def forward(self, x, lengths):
        h = twin.packed(self.lstm, x, lengths)  # zero past the end of a row
        return self.output(self.dropout(h.sum(dim=1) / lengths[:, None]))


def loss(model, x, lengths, y):
    return nn.functional.cross_entropy(model(x, lengths), torch.tensor(y), label_smoothing=0.1)


def main(arguments=None):
    given = twin.options(__doc__, 40, arguments=arguments)
    (x, y), (x_test, y_test) = data.japanese_vowels()
    x, x_test = classify.standardise(x, x_test)
    model = Classify()
    seconds = twin.train(
        model,
        loss,
        {"x": x, "y": y},
        epochs=given.epochs,
        size=16,
        rate=lambda step: 3e-3,
        seed=given.seed,
        augment=lambda batch, rng: batch,
    )
    twin.finished(seconds)
    model.eval()
    with torch.no_grad():
        told = torch.cat([model(*twin.ragged([row])) for row in x_test]).argmax(dim=1).numpy()
    print({"accuracy": float((told == y_test).mean())}, f"{seconds:.1f} processor seconds")


if __name__ == "__main__":
    main()
