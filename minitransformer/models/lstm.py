"""The LSTM: a state that is handed from word to word (Hochreiter & Schmidhuber 1997)."""

from typing import TypeAlias

import numpy as np

import minigrad as mg

from .layers import Linear

LSTMState: TypeAlias = tuple[mg.Tensor, mg.Tensor]  # hidden state h and cell c, (B, hidden) each


class LSTMCell(mg.Module):
    """One step in time, with the input, forget and output gates of Gers et al. 2000:

        i, f, o = sigmoid(x W_x + h W_h + b)    g = tanh(x W_x + h W_h + b), each with its columns
        c' = f * c + i * g                      what is kept, and what is written
        h' = o * tanh(c')                       what is shown

    `cell(cell.project(x), (h, c))` is (h', c'), (B, hidden) each. The columns of both matrices are
    those of i, f, g, o. Gates of f begin open, at a bias of 1 (Jozefowicz et al. 2015).
    """

    def __init__(self, inputs: int, hidden: int, rng: np.random.Generator):
        self.w_x = Linear(inputs, 4 * hidden, rng)
        self.w_h = Linear(hidden, 4 * hidden, rng, bias=False)
        assert self.w_x.bias is not None
        self.w_x.bias.data[hidden : 2 * hidden] = 1

    def project(self, x: mg.Tensor) -> mg.Tensor:
        """x W_x + b, what an input adds to the gates: (..., inputs) -> (..., 4 hidden). It needs no
        state, so one product does it for all steps in time."""
        return self.w_x(x)

    def forward(self, projected: mg.Tensor, state: LSTMState) -> LSTMState:
        h, c = state
        i, f, g, o = mg.split(projected + self.w_h(h), 4, axis=-1)  # (B, hidden) each
        i, f, o = (mg.sigmoid(gate).named(name) for gate, name in ((i, "i"), (f, "f"), (o, "o")))
        c = (f * c + i * mg.tanh(g).named("g")).named("c")
        h = (o * mg.tanh(c)).named("h")
        return h, c


class LSTM(mg.Module):
    """A cell that reads a sentence word by word, from its first to its last or in `reverse`.

    `lstm(x, real, state)` takes x (B, T, inputs) and gives the hidden states (B, T, hidden) and the
    (h, c) that is left when all is read. `real` (B, T) is False at padding, which leaves the state
    as it is; None: all is real. `state` is where it begins (None: zeros).
    """

    def __init__(self, inputs: int, hidden: int, rng: np.random.Generator, reverse: bool = False):
        self.cell = LSTMCell(inputs, hidden, rng)
        self.hidden, self.reverse = hidden, reverse

    def forward(
        self, x: mg.Tensor, real: np.ndarray | None = None, state: LSTMState | None = None
    ) -> tuple[mg.Tensor, LSTMState]:
        now = self.zeros(x) if state is None else state
        projected = unstacked(self.cell.project(x))  # T times (B, 4 hidden)
        shown = list(projected)
        for t in reversed(range(len(shown))) if self.reverse else range(len(shown)):
            after = self.cell(projected[t], now)
            now = after if real is None else kept_at_padding(real[:, t], after, now)
            shown[t] = now[0]
        return mg.stack(shown, axis=1), now

    def zeros(self, x: mg.Tensor) -> LSTMState:
        """The state before anything was read, for as many sentences as x has."""
        nothing = mg.Tensor(np.zeros((len(x), self.hidden), x.dtype), name="zeros")
        return nothing, nothing


class BidirectionalLSTM(mg.Module):
    """Two LSTMs, one from each end (Schuster & Paliwal 1997): each word is seen with all that
    stands before it, and all that comes after.

    x (B, T, inputs) -> hidden states (B, T, 2 hidden), forward before reverse, and the states that
    are left, of the forward and of the reverse one.
    """

    def __init__(self, inputs: int, hidden: int, rng: np.random.Generator):
        self.forwards = LSTM(inputs, hidden, rng)
        self.backwards = LSTM(inputs, hidden, rng, reverse=True)

    def forward(
        self, x: mg.Tensor, real: np.ndarray | None = None
    ) -> tuple[mg.Tensor, LSTMState, LSTMState]:
        before, last = self.forwards(x, real)
        after, first = self.backwards(x, real)
        return mg.concatenate([before, after], axis=-1), last, first


def kept_at_padding(real: np.ndarray, after: LSTMState, before: LSTMState) -> LSTMState:
    """The state `after` a step for the sentences whose word is `real` (B,), and the one `before` it
    for those that have come to their padding."""
    if real.all():
        return after
    h, c = (mg.where(real[:, None], new, old) for new, old in zip(after, before))
    return h, c


def unstacked(x: mg.Tensor) -> list[mg.Tensor]:
    """(B, T, n) -> T tensors (B, n). By halves: the gradient of a slice is as large as what it was
    cut from, so that T slices of the whole would take T * T."""
    time = x.shape[1]
    if time == 1:
        return [x.reshape(x.shape[0], x.shape[2])]
    return unstacked(x[:, : time // 2]) + unstacked(x[:, time // 2 :])
