"""eigenlstm.apps.sentiment in PyTorch: ``python -m bench.apps.sentiment_torch``."""

import numpy as np
import torch
from torch import nn

import eigenlstm as el
from bench.apps import twin
from eigenlstm.apps import _download, sentiment


class Sentiment(nn.Module):
    def __init__(self, embedding):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.from_numpy(embedding), freeze=False)
        self.lstm = nn.LSTM(sentiment.SIZE, sentiment.HIDDEN, bidirectional=True, batch_first=True)
        self.before, self.after = nn.Dropout(0.3), nn.Dropout(0.5)
        self.output = nn.Linear(2 * sentiment.HIDDEN, 1)

    def forward(self, x, lengths):
        h = twin.packed(self.lstm, self.before(self.embedding(x)), lengths)  # zero past the end of a row
        return self.output(self.after(h.sum(dim=1) / lengths[:, None]))[:, 0]


def loss(model, x, lengths, y):
    return nn.functional.binary_cross_entropy_with_logits(model(x, lengths), torch.from_numpy(np.stack(y)))


def main(arguments=None):
    given = twin.options(__doc__, 8, arguments=arguments)
    archive = _download.fetch(sentiment.DATA, given.data)
    texts, ratings = sentiment.snippets(archive)
    train, valid, test = sentiment.split(len(texts), given.quick, given.split)
    tokenizer, valences = sentiment.words(archive, [texts[i] for i in train])
    rows = tokenizer.encode_batch(texts)
    parts = [{"x": [rows[i] for i in part], "y": list(sentiment.positive(ratings[part]))} for part in (train, valid)]
    (embedding,) = sentiment.build(tokenizer, valences, given.seed)[0].state_dict().values()
    model = Sentiment(embedding.copy())
    seconds = twin.train(
        model,
        loss,
        parts[0],
        valid=parts[1],
        epochs=given.epochs,
        size=sentiment.BATCH,
        rate=el.schedules.cosine(sentiment.PEAK, steps=given.epochs * -(-len(train) // sentiment.BATCH)),
        seed=given.seed,
        augment=el.text.WordDropout(0.1, tokenizer.vocabulary.unknown_id),
    )
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(*twin.ragged([rows[i]])) for i in test]).numpy()
    print(sentiment.scored(logits, ratings[test]), f"{seconds:.1f} processor seconds")


if __name__ == "__main__":
    main()
