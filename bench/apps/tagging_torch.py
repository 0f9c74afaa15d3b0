"""eigenlstm.apps.tagging in PyTorch: ``python -m bench.apps.tagging_torch``; the CRF is that of pytorch-crf."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torchcrf import CRF

import eigenlstm as el
from bench.apps import twin
from eigenlstm.apps import tagging
from eigenlstm.apps.tagging import CONTEXT, LETTER, SPELLING, WIDTHS


class Member(nn.Module):
    def __init__(self, letters, known, tags):
        super().__init__()
        self.letters = nn.Embedding(letters, LETTER)
        self.columns = nn.ModuleDict({name: nn.Embedding(size, WIDTHS[name]) for name, size in known.items()})
        for embedding in (self.letters, *self.columns.values()):
            nn.init.normal_(embedding.weight, std=0.3)
        self.spelling = nn.LSTM(LETTER, SPELLING, bidirectional=True, batch_first=True)
        self.context = nn.LSTM(sum(WIDTHS.values()) + 2 * SPELLING, CONTEXT, bidirectional=True, batch_first=True)
        self.drop_letters, self.drop = nn.Dropout(0.2), nn.Dropout(0.5)
        self.scores, self.crf = nn.Linear(2 * CONTEXT, tags), CRF(tags, batch_first=True)

    def forward(self, x, sizes):
        letters, words = sizes
        h = twin.packed(self.spelling, self.drop_letters(self.letters(x["letters"])), letters)
        rows = torch.arange(len(h))[:, None]
        spelt = [h[rows, x["ends"], :SPELLING], h[rows, x["starts"], SPELLING:]]
        known = [table(x[name]) for name, table in self.columns.items()]
        return self.scores(self.drop(twin.packed(self.context, self.drop(torch.cat(known + spelt, dim=2)), words)))


def padded(x, chosen):
    """The chosen rows of all inputs as padded tensors, and the numbers of letters and words."""
    made = {name: twin.ragged([rows[i] for i in chosen]) for name, rows in x.items()}
    return {name: value for name, (value, _) in made.items()}, (made["letters"][1], made["word"][1])


def mask(words, steps):
    return torch.arange(steps)[None] < words[:, None]


def learn(task, epochs, seed):
    """One member, trained."""
    x, y = tagging.inputs(task.train, task.known, task.letters), [task.tags.encode(one.tags) for one in task.train]
    model = Member(len(task.letters), {name: len(words) for name, words in task.known.items()}, len(task.tags))
    steps, step, rng = epochs * -(-len(y) // tagging.BATCH), 0, np.random.default_rng(seed)
    rate, updates = el.schedules.one_cycle(tagging.PEAK, steps=steps), torch.optim.Adam(model.parameters())
    for _ in range(epochs):
        model.train()
        for chosen in twin.batches([len(row) for row in x["letters"]], tagging.BATCH, rng):
            batch, sizes = padded(x, chosen)
            noisy = tagging.hidden({"x": {name: value.numpy() for name, value in batch.items()}}, rng)["x"]
            scores = model({name: torch.from_numpy(np.asarray(value)) for name, value in noisy.items()}, sizes)
            tags = twin.ragged([y[i] for i in chosen])[0]
            updates.param_groups[0]["lr"] = rate(step)
            updates.zero_grad()
            loss = -model.crf(scores, tags, mask=mask(sizes[1], tags.shape[1]), reduction="mean")
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            updates.step()
            step += 1
    return model.eval()


def tagged(members, task):
    """The tags of the sentences to test on, of the sum of the members."""
    x, total = tagging.inputs(task.test, task.known, task.letters), members[0].crf
    with torch.no_grad():
        for name, value in total.named_parameters():
            value.copy_(sum(member.crf.get_parameter(name) for member in members))
        said = []
        for i in range(len(task.test)):
            batch, sizes = padded(x, [i])
            scores = torch.stack([member(batch, sizes) for member in members]).sum(dim=0)
            said += total.decode(scores)
    return [task.tags.decode(np.array(row)) for row in said]


def main(arguments=None):
    given = twin.options(__doc__, 40, arguments=arguments)
    given.data = given.data and Path(given.data)
    addresses, names = tagging.tasks(given)
    count, found = 1 if given.quick else tagging.MEMBERS, []
    started = time.process_time()
    for task in (addresses, names):
        found.append([learn(task, given.epochs, given.seed + number) for number in range(count)])
    seconds = twin.finished(time.process_time() - started)
    scores = tagging.measured(addresses, tagged(found[0], addresses))
    scores["f1_names"] = tagging.measured(names, tagged(found[1], names))["f1"]
    print(scores, f"{seconds:.1f} processor seconds")


if __name__ == "__main__":
    main()
