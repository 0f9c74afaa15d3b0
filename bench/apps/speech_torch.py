"""eigenlstm.apps.speech in PyTorch: ``python -m bench.apps.speech_torch``."""

import numpy as np
import torch
from torch import nn

import eigenlstm as el
from bench.apps import twin
from eigenlstm.apps import speech


class Speech(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.first = nn.LSTM(inputs, 64, bidirectional=True, batch_first=True)
        self.second = nn.LSTM(128, 64, bidirectional=True, batch_first=True)
        self.dropout, self.output = nn.Dropout(0.3), nn.Linear(128, classes)

    def forward(self, x, lengths):
        h = self.dropout(twin.packed(self.first, x, lengths))
        return self.output(self.dropout(twin.packed(self.second, h, lengths)))


def ctc(model, x, lengths, said):
    odds = model(x, lengths).log_softmax(dim=2).transpose(0, 1)
    sizes = torch.tensor([len(one) for one in said])
    return nn.functional.ctc_loss(odds, torch.from_numpy(np.concatenate(said)), lengths, sizes, reduction="none").mean()


def main(arguments=None):
    given = twin.options(__doc__, 25, arguments=arguments)
    recordings, words = speech.digits(given.data)
    parts, _ = speech.prepare(recordings, words, *speech.sizes(given.quick), split=given.split)
    vocabulary = sorted(set(words))
    letters = el.text.CharacterTokenizer.train([" ".join(vocabulary)], padding="<blank>", unknown=None)
    (x, said), (x_valid, said_valid), (x_test, said_test) = (parts[name] for name in ("train", "valid", "test"))
    model = Speech(13, len(letters.vocabulary))
    seconds = twin.train(
        model,
        ctc,
        {"x": x, "y": letters.encode_batch(said)},
        valid={"x": x_valid, "y": letters.encode_batch(said_valid)},
        epochs=given.epochs,
        size=speech.BATCH,
        rate=el.schedules.cosine(speech.PEAK, steps=given.epochs * -(-len(x) // speech.BATCH)),
        seed=given.seed,
        augment=speech.MASKS,
    )
    model.eval()
    with torch.no_grad():
        logits = [model(*twin.ragged([row]))[0].numpy() for row in x_test]
    print(speech.scored(logits, said_test, letters, vocabulary), f"{seconds:.1f} processor seconds")


if __name__ == "__main__":
    main()
