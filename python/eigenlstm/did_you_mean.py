"""What to write in place of a name that people bring along from PyTorch, Keras or scikit-learn.

Imported when something has been refused. A value is what stands behind "did you mean": a name, or a few words.
"""

# Arguments that many functions share, by the name that is not taken: what to write. A suggestion that is an argument's
# name is used only where the function has that argument.
_KEYWORDS = {
    "units": "hidden_size",
    "num_units": "hidden_size",
    "hidden_dim": "hidden_size",
    "n_units": "hidden_size",
    "input_dim": "input_size",
    "n_layers": "num_layers",
    "layers": "num_layers",
    "bidir": "bidirectional",
    "go_backwards": "reverse",
    "use_bias": "bias",
    "unit_forget_bias": "forget_bias",
    "projection_size": "proj_size",
    "use_peepholes": "peephole",
    "merge_mode": "merge",
    "lr": "learning_rate",
    "learning_rate": "lr",
    "max_lr": "lr",
    "beta_1": "betas",
    "beta_2": "betas",
    "beta1": "betas",
    "beta2": "betas",
    "epsilon": "eps",
    "rho": "alpha",
    "rate": "p",
    "prob": "p",
    "num_features": "features",
    "normalized_shape": "features",
    "in_dim": "in_features",
    "out_dim": "out_features",
    "output_dim": "embedding_dim",
    "vocab_size": "num_embeddings",
    "padding_index": "padding_idx",
    "in_filters": "in_channels",
    "out_filters": "out_channels",
    "kernel": "kernel_size",
    "dilation_rate": "dilation",
    "num_classes": "num_tags",
    "num_labels": "num_tags",
    "n_tags": "num_tags",
    "query_dim": "query_size",
    "memory_dim": "memory_size",
    "kdim": "memory_size",
    "use_scale": "scale",
    "score_mode": "score",
    "factor": "count",
    "num_frames": "count",
    "fill_value": "start",
    "start_token": "start",
    "optim": "optimizer",
    "optimiser": "optimizer",
    "criterion": "loss",
    "loss_fn": "loss",
    "num_epochs": "epochs",
    "n_epochs": "epochs",
    "max_epochs": "epochs",
    "nb_epoch": "epochs",
    "batchsize": "batch_size",
    "bs": "batch_size",
    "val_data": "validation_data",
    "validation": "validation_data",
    "random_state": "seed",
    "callback": "callbacks",
    "clipnorm": "clip_norm",
    "max_grad_norm": "clip_norm",
    "grad_clip": "clip_norm",
    "clipvalue": "clip_value",
    "sequence_length": "lengths",
    "seq_len": "lengths",
    "mask": "lengths",
    "covariates": "exog",
    "past_covariates": "exog",
    "restore_best_weights": "restore_best",
    "save_freq": "every",
    "hx": "state",
    "initial_state": "state",
}
# What needs more than a name, by (function, argument).
_SENTENCES = {
    ("LSTM", "batch_first"): "time_major: x is (B, T, I) unless time_major=True",
    ("LSTM", "return_sequences"): "el.Last() after the layer: y always has every step",
    ("LSTM", "return_state"): "y, (h, c) = lstm(x): the state is always returned",
    ("LSTM", "stateful"): "fit(stateful=True), or hand the state on: y, state = lstm(x, state)",
    ("LSTM", "activation"): "activations=(gates, candidate, output)",
    ("LSTM", "recurrent_activation"): "activations=(gates, candidate, output)",
    ("LSTM", "units"): "hidden_size; input_size comes first, as in el.LSTM(input_size, hidden_size)",
    ("LSTM", "device"): "nothing: everything runs on the CPU",
    ("Linear", "units"): "out_features; in_features comes first, as in el.Linear(in_features, out_features)",
    ("Linear", "activation"): "a layer of its own behind it, as in el.Activation('relu')",
    ("Linear", "input_dim"): "in_features",
    ("Linear", "output_dim"): "out_features",
    ("Embedding", "input_dim"): "num_embeddings",
    ("Embedding", "mask_zero"): "padding_idx=0, and lengths=... where the model is called",
    (
        "Conv1D",
        "filters",
    ): "out_channels; in_channels comes first, as in el.Conv1D(in_channels, out_channels, kernel_size)",
    ("Conv1D", "activation"): "a layer of its own behind it, as in el.Activation('relu')",
    ("Conv1D", "stride"): "el.StackFrames(count) in front of it: a convolution gives as many steps as it takes",
    ("Conv1D", "strides"): "el.StackFrames(count) in front of it: a convolution gives as many steps as it takes",
    ("Attention", "embed_dim"): "query_size, and memory_size where the memory has another size",
    ("Attention", "units"): 'hidden_size, with score="additive"',
    ("Attention", "num_heads"): "several el.Attention layers and el.Concat: each has one head",
    ("CRF", "batch_first"): "nothing: x is always (B, T, K)",
    ("StackFrames", "stride"): "count: as many frames are joined as are passed over",
    ("TiedLinear", "weight"): "embedding: the el.Embedding whose matrix is shared",
    ("fit", "validation_split"): "validation_data=(x_val, y_val): split the data before, where nothing leaks",
    ("fit", "learning_rate"): "optimizer=el.Adam(lr)",
    ("fit", "lr"): "optimizer=el.Adam(lr)",
    ("fit", "weight_decay"): "optimizer=el.AdamW(lr, weight_decay=...)",
    ("fit", "workers"): "el.set_num_threads(n)",
    ("fit", "initial_epoch"): "resume=path, with a callback el.checkpoint(path)",
}
# Names of the package that are called otherwise here.
_NAMES = {
    "Dense": "el.Linear(in_features, out_features)",
    "Bidirectional": "el.LSTM(..., bidirectional=True)",
    "LSTMCell": "el.LSTM(...).stream(), which computes step by step, or el.torch.LSTMCell",
    "TimeDistributed": "nothing around the layer: el.Linear and the others take any number of axes",
    "Masking": "lengths=... where the model is called, or el.MaskedSequential",
    "GlobalAveragePooling1D": "el.MeanPool()",
    "GlobalMaxPooling1D": "el.MaxPool()",
    "GlobalMaxPool1D": "el.MaxPool()",
    "LayerNormalization": "el.LayerNorm(features)",
    "MultiheadAttention": "el.Attention(query_size, memory_size), which has one head",
    "MultiHeadAttention": "el.Attention(query_size, memory_size), which has one head",
    "AdditiveAttention": "el.Attention(query_size, memory_size, score='additive')",
    "ReLU": "el.Activation('relu')",
    "Sigmoid": "el.Activation('sigmoid')",
    "Tanh": "el.Activation('tanh')",
    "Softmax": "el.Activation('softmax')",
    "relu": "el.Activation('relu')",
    "softmax": "el.Activation('softmax')",
    "EarlyStopping": "el.early_stopping(patience)",
    "ModelCheckpoint": "el.checkpoint(path)",
    "LearningRateScheduler": "el.schedule(rate)",
    "ReduceLROnPlateau": "el.plateau()",
    "CSVLogger": "el.log(path)",
    "MSELoss": "el.losses.MSE()",
    "CrossEntropyLoss": "el.losses.CrossEntropy()",
    "BCEWithLogitsLoss": "el.losses.BCE()",
    "CTCLoss": "el.losses.CTC()",
    "optim": "el.optimizers",
    "nn": "el itself: el.LSTM, el.Linear",
    "load_model": "el.load(path)",
    "save_model": "el.save(model, path), or model.save(path)",
    "set_seed": "the argument seed=... of layers and of fit",
    "manual_seed": "the argument seed=... of layers and of fit",
    "clip_grad_norm_": "fit(clip_norm=...), or el.optimizers.clip_norm(model, limit)",
}
# Names of losses, metrics and optimizers, in lower case.
_LOSSES = {
    "binary_crossentropy": '"bce", which takes logits: no sigmoid before it',
    "bce_with_logits": '"bce"',
    "categorical_crossentropy": '"cross_entropy", which takes logits and integer labels: no softmax before it',
    "sparse_categorical_crossentropy": '"cross_entropy", which takes logits: no softmax before it',
    "crossentropy": '"cross_entropy"',
    "nll": '"cross_entropy", which takes logits: no log_softmax before it',
    "mean_squared_error": '"mse"',
    "l2": '"mse"',
    "mean_absolute_error": '"mae"',
    "l1": '"mae"',
    "smooth_l1": '"huber"',
    "pinball": "el.losses.Quantile(levels)",
    "poisson": '"poisson_nll"',
}
_METRICS = {
    "acc": '"accuracy"',
    "mse": '"rmse", or loss="mse", whose value is logged as the loss',
    "mean_squared_error": '"rmse", or loss="mse", whose value is logged as the loss',
    "mean_absolute_error": '"mae"',
    "root_mean_squared_error": '"rmse"',
    "r2_score": '"r2"',
    "f1_score": '"f1"',
}
_OPTIMIZERS = {
    "adam": "el.Adam(1e-3)",
    "adamw": "el.AdamW(1e-3)",
    "sgd": "el.SGD(1e-2)",
    "rmsprop": "el.RMSprop(1e-3)",
    "adagrad": "el.Adagrad(1e-2)",
}
_KINDS = {"loss": _LOSSES, "metric": _METRICS, "optimizer": _OPTIMIZERS}


def suggestion(text):
    """`text` as the end of a sentence; nothing where there is none."""
    return f"; did you mean {text}?" if text else ""


def unknown_keyword(where, name, known):
    """The sentence for a call of `where` with an argument `name` that it does not have; it has those of `known`."""
    function = where.rpartition(".")[2]
    text = _SENTENCES.get((function, name)) or next((each for each in (_KEYWORDS.get(name),) if each in known), None)
    return f"{where}: there is no argument {name!r}" + suggestion(text or _close(name, known))


def no_such(kind, name, known):
    """The sentence for `name`, which is none of the `known` names of a "loss", a "metric" or an "optimizer"."""
    lowered = name.lower()
    close = _close(lowered, [*known, *_KINDS[kind]])
    text = _KINDS[kind].get(lowered) or _KINDS[kind].get(close) or (close and f'"{close}"')
    return f"there is no {kind} {name!r}; there are {', '.join(known)}" + suggestion(text)


def unknown_attribute(name, known):
    """The end of the sentence for ``eigenlstm.name``, where the package has the names `known`."""
    close = _close(name, known)
    return suggestion(_NAMES.get(name) or (close and f"el.{close}"))


def _close(name, known):
    import difflib

    folded = {other.lower(): other for other in known}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.75)
    return folded[found[0]] if found else None
