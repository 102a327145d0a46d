"""Computations to make films of, and how to read the page of one in a browser."""

import numpy as np

import minigrad as mg
from minigrad import draw


def fan_out():
    """A value that is used three times, one of them twice by one op."""
    x = mg.Tensor([1.0, -2.0], True, name="x")
    s = (x * 3).named("s")
    return (s * s + s).sum().named("loss")


class Attention(mg.Module):
    def __init__(self, rng):
        self.w_q, self.w_k, self.w_v = (mg.Parameter(rng.normal(size=(3, 3))) for _ in "QKV")

    def forward(self, x, mask):
        q, k, v = ((x @ w).named(name) for w, name in zip((self.w_q, self.w_k, self.w_v), "QKV"))
        scores = mg.masked_fill(q @ k.mT / np.sqrt(3.0), mask, -np.inf).named("scores")
        return (mg.softmax(scores).named("weights") @ v).named("context")


def attention():
    rng = np.random.default_rng(0)
    x = mg.Tensor(rng.normal(size=(4, 3)), True, name="x")
    hidden = np.triu(np.ones((4, 4), bool), 1)
    return (Attention(rng)(x, hidden) ** 2).mean().named("loss")


class Layer(mg.Module):
    def __init__(self):
        self.weight = mg.Parameter(np.eye(2) * 0.5)

    def forward(self, x):
        return mg.tanh(x @ self.weight) + x


class Last(Layer):
    """Another kind: two equal ones that follow each other are drawn as one box."""


class Stack(mg.Module):
    def __init__(self):
        self.layers = [Layer(), Layer(), Last()]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def folded():
    loss = Stack()(mg.Tensor(np.eye(2), True, name="x")).sum().named("loss")
    return draw(loss, depth=1)


DRAWINGS = {"fan-out": lambda: draw(fan_out()), "attention": lambda: draw(attention())}
DRAWINGS["folded"] = folded


def steps_of(drawing):
    stepper = mg.step(drawing.tensor, retain_graph=True)
    return [next(stepper) for _ in range(stepper.total)]


# ---- what a page shows


def count(tab):
    return tab.inner_text("#count")


def texts(tab, selector):
    return tab.locator(selector).all_text_contents()


def lines(tab):
    """{id of a box: its line of the gradient}, for those that have one."""
    found = """all => Object.fromEntries(
      all.map((line) => [line.closest("g.node").id, line.textContent])
    )"""
    return tab.locator("g.node .gradient").evaluate_all(found)


def lit(tab):
    return tab.locator("g.node.lit").evaluate_all("all => all.map(g => g.id)")


def shown(tab):
    """All that the page shows."""
    return tab.evaluate("document.querySelector('main').outerHTML") + count(tab)
