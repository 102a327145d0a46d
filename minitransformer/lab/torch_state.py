"""The weights of a model as the state of a module of PyTorch's, and back. It needs no PyTorch."""

from collections.abc import Iterable, Mapping

import numpy as np

from ..fields import nearest
from ..models.kinds import KINDS
from ..models.seq2seq import Seq2Seq
from .torch_names import Link, links_of

# What names begin with once DistributedDataParallel or torch.compile has wrapped a module.
WRAPPERS = ("module.", "_orig_mod.")
MODELS = Seq2Seq.__module__.rpartition(".")[0]  # the room in which our own classes stand
DTYPES = ("float32", "float64")
NAMED = 5  # tensors that an error names


def state_for_torch(model: Seq2Seq) -> dict[str, np.ndarray]:
    """The state of the module that `to_torch` makes of a model. A matrix that is tied has several
    names there. Raises ValueError for a model that no module of PyTorch's computes."""
    links, state = links_of(model.kind, model.config), model.state_dict()
    for part in model.modules():
        if not type(part).__module__.startswith(f"{MODELS}."):
            raise ValueError(
                f"{type(part).__name__} is a class of your own, and what it computes has no form "
                f"in PyTorch here: only a {KINDS[model.kind].model.__name__} as it is made has one"
            )
    other = {name for link in links for name in link.ours} ^ state.keys()
    if other:
        raise ValueError(
            f"{type(model).__name__} differs from the model of the kind "
            f'"{model.kind}" that PyTorch has names for in {_some(other)}'
        )
    theirs = {link.theirs: link.joined(state) for link in links}
    second = {link.second: np.zeros_like(theirs[link.theirs]) for link in links if link.second}
    return {**theirs, **second}


def load_from_torch(model: Seq2Seq, state: Mapping[str, np.ndarray]) -> None:
    """Take over the state of such a module, and its dtype. Where PyTorch has two biases of an LSTM,
    their sum counts; of what is tied, one name is enough. Raises ValueError, with nothing changed,
    unless all the weights are there, and no others, in float32 or all in float64."""
    links, expected = links_of(model.kind, model.config), state_for_torch(model)
    state = {_unwrapped(name): array for name, array in state.items()}
    _require_embeddings(state)
    _require_names_and_shapes(type(model).__name__, links, expected, state)
    dtype = _dtype_of(state)
    before, ours, found = model.state_dict(), {}, {}
    for link in links:
        if link.theirs not in state:
            continue
        whole, first = state[link.theirs], found.setdefault(link.ours, link.theirs)
        if not np.array_equal(whole, state[first], equal_nan=True):
            raise ValueError(
                f"{first} and {link.theirs} hold different numbers, but one matrix is both in a "
                "model with these tie_embeddings: give it a config without"
            )
        ours |= link.parted(whole + state[link.second] if link.second else whole, before)
    model.astype(dtype).load_state_dict(ours)


def _unwrapped(name: str) -> str:
    """A name as it is without the wrappers."""
    for wrapper in WRAPPERS:
        if name.startswith(wrapper):
            return _unwrapped(name.removeprefix(wrapper))
    return name


def _require_embeddings(state: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError for the state of a torch.nn.Transformer and nothing more."""
    if state and all(
        name.startswith(("encoder.layers.", "decoder.layers.", "encoder.norm.", "decoder.norm."))
        for name in state
    ):
        raise ValueError(
            "this is the state of a torch.nn.Transformer alone, which has neither embeddings nor "
            'an output layer. Put "transformer." before its names, and add src_embedding.weight, '
            "tgt_embedding.weight, output.weight and output.bias of your own module"
        )


def _require_names_and_shapes(
    what: str,
    links: Iterable[Link],
    expected: Mapping[str, np.ndarray],
    state: Mapping[str, np.ndarray],
) -> None:
    """Raise ValueError unless the state has what is expected."""
    have = {link.ours for link in links if link.theirs in state}
    tied = {link.theirs for link in links if link.ours in have}
    missing = expected.keys() - state.keys() - tied
    wrong = [f"{name} is missing" for name in missing]
    for name, array in state.items():
        if name not in expected:
            wrong.append(f"{name} is not part of it{nearest(name, missing)}")
        elif array.shape != expected[name].shape:
            wrong.append(f"{name} has shape {array.shape}, and not {expected[name].shape}")
    if wrong:
        raise ValueError(f"these weights are not those of this {what}: {_some(wrong, '; ')}")


def _dtype_of(state: Mapping[str, np.ndarray]) -> np.dtype:
    """The one that all arrays have. Raises ValueError for several, or one that is not ours."""
    dtypes: dict[np.dtype, str] = {}
    for name in sorted(state):
        dtypes.setdefault(state[name].dtype, name)
    for dtype, name in dtypes.items():
        if dtype.name not in DTYPES:
            raise ValueError(
                f"{name} holds {dtype} numbers; models here compute in float32 or float64: in "
                "PyTorch, module.float() makes them float32"
            )
    if len(dtypes) > 1:
        (one, first), (other, second) = list(dtypes.items())[:2]
        raise ValueError(
            f"{first} is {one} and {second} {other}: a model has one dtype. In PyTorch, "
            "module.float() makes all float32"
        )
    return next(iter(dtypes))


def _some(words: Iterable[str], between: str = ", ") -> str:
    """The first of them in order, and how many more there are."""
    words = sorted(words)
    more = f"{between}and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return between.join(words[:NAMED]) + more
