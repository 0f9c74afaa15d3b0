"""Keras 3 on TensorFlow: ``keras.layers.LSTM`` inside one ``tf.function``, plain and compiled by XLA."""

from __future__ import annotations

import os

import numpy as np

from ..work import Answer, Lstm, Timed


def setup(threads: int) -> dict[str, str]:
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "NPROC": str(threads)}
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return {"Keras": keras.__version__, "TensorFlow": tf.__version__}


def layer(work: Lstm):
    """Keras's gate order is PyTorch's; its matrices are the transposed ones."""
    import keras

    module = keras.layers.LSTM(work.H, return_sequences=True, return_state=True, dtype=work.dtype)
    module.build((work.B, work.T, work.I))
    w = work.weights()
    module.set_weights([w["weight_ih_l0"].T, w["weight_hh_l0"].T, w["bias_l0"]])
    return module


def lstm(work: Lstm) -> list[Timed]:
    if work.ragged or work.P or work.layers > 1 or work.bidirectional:
        raise NotImplementedError("one layer, one direction, whole batches")
    make = {"inference": inference, "training": training, "step": step}[work.mode]
    module = layer(work)
    return [make(work, module, xla) for xla in (False, True)]


def setting(xla: bool) -> str:
    return "XLA" if xla else "graph"


def results(y, h, c) -> Answer:
    return {"y": y.numpy(), "h": h.numpy()[None], "c": c.numpy()[None]}


def inference(work: Lstm, module, xla: bool) -> Timed:
    import tensorflow as tf

    x = tf.constant(work.x())
    call = tf.function(lambda x: module(x, training=False), jit_compile=xla, autograph=False)
    return Timed(lambda: call(x)[0].numpy(), lambda: results(*call(x)), setting(xla))


def training(work: Lstm, module, xla: bool) -> Timed:
    import tensorflow as tf

    x, dy = tf.constant(work.x()), tf.constant(work.dy())
    weights = [v.value for v in module.trainable_variables]

    @tf.function(jit_compile=xla, autograph=False)
    def call(x, dy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, h, c = module(x, training=True)
        return y, h, c, tape.gradient(y, [x, *weights], output_gradients=dy)

    def run():
        return call(x, dy)[3][-1].numpy()

    def answer():
        y, h, c, (dx, dW, dR, db) = call(x, dy)
        grads = {"weight_ih_l0": dW.numpy().T, "weight_hh_l0": dR.numpy().T, "bias_l0": db.numpy()}
        return results(y, h, c) | {"dx": dx.numpy()} | grads

    return Timed(run, answer, setting(xla))


def step(work: Lstm, module, xla: bool) -> Timed:
    import tensorflow as tf

    call = tf.function(
        lambda x, h, c: module(x, initial_state=[h, c], training=False), jit_compile=xla, autograph=False
    )
    steps = tf.split(tf.constant(work.x()), work.STEPS, axis=1)
    zeros = tf.zeros((work.B, work.H), work.dtype)
    state = [zeros, zeros]

    def run(x_t=steps[0]):
        nonlocal state
        y, *state = call(x_t, *state)
        return y.numpy()

    def answer():
        nonlocal state
        state = [zeros, zeros]
        ys = np.concatenate([run(x_t) for x_t in steps], axis=1)
        return {"y": ys} | {n: s.numpy()[None] for n, s in zip("hc", state)}

    return Timed(run, answer, setting(xla))
