"""JAX: ``lax.scan`` under ``jit``, time-major, input products before the loop; plain, or unrolled by four steps."""

from __future__ import annotations

import os

import numpy as np

from ..work import Answer, Lstm, Timed


def setup(threads: int) -> dict[str, str]:
    os.environ["NPROC"] = str(threads)  # read once, when XLA makes its thread pool
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    jax.config.update("jax_enable_x64", True)  # every array has its dtype stated: float32 stays float32
    return {"JAX": jax.__version__}


def forward(parameters, x, h0, c0, work: Lstm, unroll: int):
    """x (T, B, I); parameters {name: (…)} with the products' matrices transposed; h0, c0 (layers*D, B, H)."""
    import jax
    import jax.numpy as jnp

    def direction(x, end, h0, c0, reverse):
        R = parameters["weight_hh" + end]

        def step(carry, z):
            h, c = carry
            i, f, g, o = jnp.split(z + h @ R, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        z = x @ parameters["weight_ih" + end] + parameters["bias" + end]
        (h, c), y = jax.lax.scan(step, (h0, c0), z, reverse=reverse, unroll=unroll)
        return y, h, c

    D, hs, cs = work.directions, [], []
    ends = [end for end, _ in work.suffixes()]
    for k in range(work.layers):
        ys = []
        for d in range(D):
            at = k * D + d
            y, h, c = direction(x, ends[at], h0[at], c0[at], reverse=bool(d))
            ys.append(y)
            hs.append(h)
            cs.append(c)
        x = jnp.concatenate(ys, axis=-1) if D > 1 else ys[0]
    return x, jnp.stack(hs), jnp.stack(cs)


def lstm(work: Lstm) -> list[Timed]:
    if work.ragged or work.P:
        raise NotImplementedError("whole batches without projection only")
    unrolls = [1] if work.T == 1 else [1, 4]
    return [variant(work, unroll) for unroll in unrolls]


def variant(work: Lstm, unroll: int) -> Timed:
    import jax
    import jax.numpy as jnp

    parameters = {n: jnp.asarray(w.T) for n, w in work.weights().items()}
    x = jnp.asarray(np.ascontiguousarray(work.x().swapaxes(0, 1)))
    zeros = jnp.zeros((work.layers * work.directions, work.B, work.H), work.dtype)
    setting = f"unroll {unroll}"

    if work.mode == "step":
        return step(work, parameters, x, zeros)
    if work.mode == "inference":
        # the weights are constants of the compiled program, as in the peers that compile or pack a model
        call = jax.jit(lambda x: forward(parameters, x, zeros, zeros, work, unroll))
        return Timed(lambda: jax.block_until_ready(call(x)), lambda: results(*call(x)), setting)

    dy = jnp.asarray(np.ascontiguousarray(work.dy().swapaxes(0, 1)))

    @jax.jit
    def train(parameters, x, dy):
        (y, h, c), back = jax.vjp(lambda p, x: forward(p, x, zeros, zeros, work, unroll), parameters, x)
        return (y, h, c), back((dy, zeros, zeros))

    def run():
        return jax.block_until_ready(train(parameters, x, dy))

    def answer():
        states, (grads, dx) = run()
        found = {n: np.asarray(g).T for n, g in grads.items()}
        return results(*states) | {"dx": np.asarray(dx).swapaxes(0, 1)} | found

    return Timed(run, answer, setting)


def results(y, h, c) -> Answer:
    return {"y": np.asarray(y).swapaxes(0, 1), "h": np.asarray(h), "c": np.asarray(c)}


def step(work: Lstm, parameters, x, zeros) -> Timed:
    import jax
    import jax.numpy as jnp

    call = jax.jit(lambda x, h, c: forward(parameters, x, h, c, work, 1))
    steps, state = jnp.split(x, work.STEPS), (zeros, zeros)

    def run(x_t=steps[0]):
        nonlocal state
        y, *state = call(x_t, *state)
        return jax.block_until_ready(y)

    def answer():
        nonlocal state
        state = (zeros, zeros)
        return results(jnp.concatenate([run(x_t) for x_t in steps]), *state)

    return Timed(run, answer)
