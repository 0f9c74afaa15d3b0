"""eigenlstm.apps.translation in PyTorch: ``python -m bench.apps.translation_torch``; its translations are greedy."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

import eigenlstm as el
from bench.apps import twin
from eigenlstm.apps import translation
from eigenlstm.apps.translation import BATCH, DROPOUT, EMBEDDING, HIDDEN, LONGEST, PEAK


class Translator(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embed = nn.Embedding(size, EMBEDDING, padding_idx=0)
        nn.init.normal_(self.embed.weight, std=EMBEDDING**-0.5)
        self.encoder = nn.LSTM(EMBEDDING, HIDDEN // 2, bidirectional=True, batch_first=True)
        self.decoder = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.attention = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.combine, self.bias = nn.Linear(2 * HIDDEN, EMBEDDING), nn.Parameter(torch.zeros(size))
        self.drop = nn.Dropout(DROPOUT)

    def encode(self, source, lengths):
        steps = nn.utils.rnn.pack_padded_sequence(
            self.drop(self.embed(source)), lengths, batch_first=True, enforce_sorted=False
        )
        packed, (h, c) = self.encoder(steps)
        memory = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)[0]
        return memory, tuple(torch.cat([part[0], part[1]], dim=1)[None] for part in (h, c))

    def decode(self, before, state, memory, lengths):
        """What is combined of each step, before the output layer, and the next state."""
        hidden, state = self.decoder(self.drop(self.embed(before)), state)
        scores = self.attention(memory) @ hidden.transpose(1, 2)  # (B, S, T)
        past = torch.arange(memory.shape[1])[None] >= lengths[:, None]
        weights = scores.masked_fill(past[:, :, None], -torch.inf).softmax(dim=1)
        mixed = torch.cat([hidden, weights.transpose(1, 2) @ memory], dim=2)
        return self.drop(self.combine(mixed).tanh()), state

    def scores(self, x):
        return nn.functional.linear(x, self.embed.weight, self.bias)


def loss(model, source, lengths, target):
    """Of the units that are there: padding is left out before the output layer."""
    y, sizes = twin.ragged(target)
    memory, state = model.encode(source, lengths)
    before = torch.cat([torch.full((len(y), 1), 2), y[:, :-1]], dim=1)
    x, _ = model.decode(before, state, memory, lengths)
    there = torch.arange(y.shape[1])[None] < sizes[:, None]
    return nn.functional.cross_entropy(model.scores(x[there]), y[there], label_smoothing=0.1)


def greedy(model, sources):
    """The likeliest unit after those before it, again and again."""
    said = []
    with torch.no_grad():
        for row in sources:
            memory, state = model.encode(*twin.ragged([row]))
            units = [2]
            while len(units) <= LONGEST and units[-1] != 3:
                x, state = model.decode(torch.tensor([units[-1:]]), state, memory, torch.tensor([len(row)]))
                scores = model.scores(x)[0, 0]
                scores[1] = -torch.inf
                units.append(int(scores.argmax()))
            said.append(np.array([unit for unit in units[1:] if unit != 3]))
    return said


def main(arguments=None):
    given = twin.options(__doc__, 18, arguments=arguments)
    given.data = given.data and Path(given.data)
    train, valid, test = translation.read(given)
    units = translation.tokenizer(train, 1500 if given.quick else translation.UNITS)
    (x, y), (x_valid, y_valid) = translation.rows(units, train), translation.rows(units, valid)
    batches = -(-len(train) // BATCH)
    model = Translator(len(units.vocabulary))
    seconds = twin.train(
        model,
        loss,
        {"x": x["source"], "y": y},
        valid={"x": x_valid["source"], "y": y_valid},
        epochs=given.epochs,
        size=BATCH,
        rate=el.schedules.one_cycle(PEAK, steps=given.epochs * batches),
        seed=given.seed,
        ema=1 - 1 / batches,
        augment=lambda batch, rng: batch,
    )
    model.eval()
    said = units.decode_batch(greedy(model, units.encode_batch([source for source, _ in test], end=True)))
    print(translation.scored(said, test), f"{seconds:.1f} processor seconds")


if __name__ == "__main__":
    main()
