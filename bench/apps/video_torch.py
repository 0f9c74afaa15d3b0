"""eigenlstm.apps.video in PyTorch: ``python -m bench.apps.video_torch``."""

import time

import torch
from torch import nn

import eigenlstm as el
from bench.apps import twin
from eigenlstm.apps import video


class Video(nn.Module):
    def __init__(self, side, classes):
        super().__init__()
        self.frame = nn.Linear(side * side, video.FEATURES)
        self.lstm = nn.LSTM(video.FEATURES, video.HIDDEN, bidirectional=True, batch_first=True)
        self.output = nn.Linear(2 * video.HIDDEN, classes)

    def forward(self, x):
        return self.output(self.lstm(self.frame(x).relu())[0].mean(dim=1))


def accuracy(kept, x, y):
    with torch.no_grad():
        return float((kept.module.eval()(torch.from_numpy(x)).argmax(dim=1).numpy() == y).mean())


def main(arguments=None):
    given = twin.options(__doc__, 80, arguments=arguments)
    train, valid, (x_test, y_test), names = video.digits(given.quick, given.split)
    batches = -(-train.count // video.BATCH)
    model = Video(train.side, len(names))
    kept = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(1 - 1 / batches)
    )
    updates, steps = torch.optim.Adam(model.parameters()), given.epochs * batches
    rate, started = el.schedules.one_cycle(video.PEAK, steps=steps), time.process_time()
    for step, (x, y) in enumerate(train.batches(given.seed, given.epochs)):
        updates.param_groups[0]["lr"] = rate(step)
        updates.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y), label_smoothing=0.05)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        updates.step()
        kept.update_parameters(model)
        if (step + 1) % batches == 0:  # an epoch, as the application counts
            print(
                f"epoch {(step + 1) // batches:3}/{given.epochs}  val_accuracy {accuracy(kept, *valid):.4f}", flush=True
            )
    seconds = twin.finished(time.process_time() - started)
    print({"accuracy": accuracy(kept, x_test, y_test)}, f"{seconds:.1f} processor seconds")


if __name__ == "__main__":
    main()
