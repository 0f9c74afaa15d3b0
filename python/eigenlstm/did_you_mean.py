"""What to write in place of a name that people bring along from PyTorch, Keras or scikit-learn.

Imported when something has been refused. A value is what stands behind "did you mean": a name, or a few words.
"""

import re

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
    "dropout_rate": "dropout",
    "min_lr": "min_rate",
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
    ("LSTM", "nonlinearity"): "activations=(gates, candidate, output)",
    ("LSTM", "kernel_initializer"): "init, or assign to lstm.params['weight_ih_l0']",
    ("LSTM", "recurrent_initializer"): "init, or assign to lstm.params['weight_hh_l0']",
    ("LSTM", "bias_initializer"): "forget_bias, or assign to lstm.params['bias_l0']",
    ("LSTM", "unroll"): "nothing: there is only one implementation",
    ("LSTM", "use_cudnn"): "nothing: there is only one implementation",
    ("LSTM", "implementation"): "nothing: there is only one implementation",
    ("Dropout", "inplace"): "nothing: y is always a new array",
    ("checkpoint", "save_best_only"): "el.early_stopping(restore_best=True), with model.save(path) after fit",
    ("predict", "verbose"): "nothing: predict never prints",
    ("evaluate", "verbose"): "nothing: evaluate never prints",
    ("load", "compile"): "nothing: what a file holds is ready to be used",
    ("load", "custom_objects"): "custom_layers=[MyLayer]",
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
    ("Normalization", "axis"): "features, the size of the last axis: each of its places has its own mean and std",
    ("Normalization", "variance"): "std, the root of the variance",
    ("CRF", "batch_first"): "nothing: x is always (B, T, K)",
    ("StackFrames", "stride"): "count: as many frames are joined as are passed over",
    ("TiedLinear", "weight"): "embedding: the el.Embedding whose matrix is shared",
    ("fit", "validation_split"): "validation_data=(x_val, y_val): split the data before, where nothing leaks",
    ("fit", "learning_rate"): "optimizer=el.Adam(lr)",
    ("fit", "lr"): "optimizer=el.Adam(lr)",
    ("fit", "weight_decay"): "optimizer=el.AdamW(lr, weight_decay=...)",
    ("fit", "workers"): "el.set_num_threads(n)",
    ("fit", "initial_epoch"): "resume=path, with a callback el.checkpoint(path)",
    ("fit", "use_multiprocessing"): "el.set_num_threads(n), or comm=... for several processes",
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
    "StandardScaler": "el.Normalization(features), with adapt(x)",
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
    "GRU": "el.LSTM, the only recurrent layer",
    "RNN": "el.LSTM, the only recurrent layer",
    "SimpleRNN": "el.LSTM, the only recurrent layer",
    "BatchNorm1d": "el.LayerNorm(features), which does not depend on the batch",
    "BatchNormalization": "el.LayerNorm(features), which does not depend on the batch",
    "Module": "el.Model(function, **inputs), or a subclass of eigenlstm.layers.base.Layer",
    "ModuleList": "a list of layers in the function that el.Model traces",
    "Lambda": "a function for el.Model, or a subclass of eigenlstm.layers.base.Layer",
    "Flatten": "el.Last(), el.MeanPool() or el.MaxPool(), which take one value from the steps of a row",
    "sigmoid": "el.Activation('sigmoid')",
    "tanh": "el.Activation('tanh')",
    "no_grad": "nothing: a call is inference, and forward is training",
    "tensor": "np.array(values, np.float32): layers take NumPy's arrays",
    "device": "nothing: everything runs on the CPU",
    "cuda": "nothing: everything runs on the CPU",
    "DataParallel": "el.set_num_threads(n): one process trains on all cores",
    "DistributedDataParallel": "fit(comm=...), as in comm=el.distributed.torch_comm()",
    "DataLoader": "fit(x, y, batch_size=...), or an iterable of batches for x",
    "Dataset": "fit(x, y, batch_size=...), or an iterable of batches for x",
    "pad_sequences": "a list of arrays (T_i, F) for x, or el.text.pad(rows)",
    "pad_sequence": "a list of arrays (T_i, F) for x, or el.text.pad(rows)",
    "pack_padded_sequence": "lengths=... where the layer or model is called",
    "pad_packed_sequence": "lengths=... where the layer or model is called",
    "to_categorical": "integer labels: el.losses.CrossEntropy() takes those",
    "one_hot": "integer labels: el.losses.CrossEntropy() takes those",
    "set_default_dtype": "dtype='float64' where a layer is made",
    "functional": "el.Activation(name), el.losses and el.metrics",
    "MeanSquaredError": "el.losses.MSE()",
    "L1Loss": "el.losses.MAE()",
    "HuberLoss": "el.losses.Huber()",
    "SmoothL1Loss": "el.losses.Huber()",
    "NLLLoss": "el.losses.CrossEntropy(), which takes logits",
    "BinaryCrossentropy": "el.losses.BCE(), which takes logits",
    "CategoricalCrossentropy": "el.losses.CrossEntropy(), which takes logits and integer labels",
    "SparseCategoricalCrossentropy": "el.losses.CrossEntropy(), which takes logits",
    "RMSE": "el.metrics.RootMeanSquaredError()",
    "lr_scheduler": "el.schedules, with the callback el.schedule(rate)",
    "CosineAnnealingLR": "el.schedule(el.schedules.cosine(...))",
    "CosineDecay": "el.schedule(el.schedules.cosine(...))",
    "OneCycleLR": "el.schedule(el.schedules.one_cycle(...))",
    "StepLR": "el.schedule(el.schedules.step_decay(...))",
    "export": "el.onnx.save(model, path)",
    "from_pretrained": "el.load(path), el.torch.from_torch(module) or el.keras.load(path)",
}
# Attributes and methods that layers and models of other libraries have.
_MEMBERS = {
    "compile": "fit(x, y, loss=..., optimizer=...): there is nothing to compile",
    "train": "forward(x, training=True), or fit: a layer has no mode",
    "eval": "a call, or predict(x), which are inference: a layer has no mode",
    "parameters": "params, a dict name -> array, or flat_params",
    "named_parameters": "params, a dict name -> array",
    "weights": "params, a dict name -> array",
    "all_weights": "params, a dict name -> array",
    "trainable_variables": "params, a dict name -> array",
    "trainable_weights": "params, a dict name -> array",
    "get_weights": "state_dict()",
    "set_weights": "load_state_dict(state)",
    "save_weights": "save(path)",
    "load_weights": "el.load(path); el.keras.load_weights(model, path) for a file of Keras",
    "to": "nothing: everything runs on the CPU, and the dtype is an argument of the layer",
    "cuda": "nothing: everything runs on the CPU",
    "cpu": "nothing: everything runs on the CPU",
    "double": "dtype='float64' where the layer is made",
    "half": "dtype='float32' where the layer is made",
    "requires_grad_": "trainable = False",
    "requires_grad": "trainable",
    "add": "el.Sequential([*model.layers, layer])",
    "children": "layers",
    "modules": "layers",
    "get_layer": "layers[i]",
    "fit_generator": "fit, which takes an iterable of batches for x",
    "train_on_batch": "fit, which takes an iterable of batches for x",
    "predict_proba": "predict(x), or an estimator of el.sklearn",
    "score": "evaluate(x, y), or an estimator of el.sklearn",
    "count_params": "num_params",
    "get_config": "config()",
    "build": "nothing: sizes are arguments of the layers",
    "flatten_parameters": "nothing: parameters are in one flat buffer, flat_params",
    "reset_states": "a call without a state, or stream().reset()",
    "units": "hidden_size",
    "hidden_dim": "hidden_size",
    "batch_first": "time_major",
    "input_dim": "input_size",
    "output_dim": "embedding_dim",
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
_NOTHING = "nothing: "
_KINDS = {"loss": _LOSSES, "metric": _METRICS, "optimizer": _OPTIMIZERS}


def suggestion(text):
    """`text` as the end of a sentence; nothing where there is none."""
    if text and text.startswith(_NOTHING):
        return f"; it is not needed: {text.removeprefix(_NOTHING)}"
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


def unknown_attribute(name, known, where="el"):
    """The end of the sentence for ``el.name``, or for a module `where` of the package, which has the names `known`."""
    if name.startswith("_"):  # asked for by tools, which expect no answer
        return ""
    close = name not in _NAMES and _close(name, known)
    return suggestion(_NAMES.get(name) or (close and f"{where}.{close}"))


def attributes_of(module, where, known):
    """The ``__getattr__`` of a `module` with the public names `known`, which users write as `where`."""

    def missing(name):
        raise AttributeError(f"module {module!r} has no attribute {name!r}{unknown_attribute(name, known, where)}")

    return missing


def unknown_member(name):
    """The end of the sentence for an attribute `name` that a layer or model does not have."""
    if re.fullmatch(r"(weight_(ih|hh|hr)|bias(_ih|_hh)?)_l\d+(_reverse)?", name):
        return suggestion(f"params[{re.sub('bias_.h', 'bias', name)!r}]")
    return suggestion(_MEMBERS.get(name))


def _close(name, known):
    import difflib

    folded = {other.lower(): other for other in known}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.75)
    return folded[found[0]] if found else None
