"""The bugs by name: what is wrong, what one sees, and which check finds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import minigrad as mg

from ..fields import nearest
from ..models.attention import MultiHeadAttention
from ..models.layers import Dropout, Embedding
from ..models.seq2seq import Seq2Seq
from ..models.transformer import Decoder, DecoderLayer, EncoderLayer, Transformer
from ..text.batching import Batch
from .attention import HeadsTransposed, NoScale, WrongAxis
from .layers import (
    MasksSwapped,
    NoMemoryMask,
    NormBefore,
    NormBeforeInDecoder,
    OneMask,
    SeesFuture,
    Unscaled,
)
from .training import SteppedPerTensor, not_shifted, smoothed_over_padding, with_padding


def any_model(model: Any) -> bool:
    return True


def transformer(model: Any) -> bool:
    return isinstance(model, Transformer)


def post_norm(model: Any) -> bool:
    return transformer(model) and not model.config.norm_first


def adds_sinusoids(model: Any) -> bool:
    """Learned positions are small, and rotary ones are not added: no word is drowned by them."""
    return transformer(model) and model.config.positions in ("sinusoidal", "concatenated")


@dataclass(frozen=True, kw_only=True)
class Bug:
    """A mistake: `wrong` is what is written, `seen` what one sees of it, and `found_by` are the
    checks (lab/check.py) that fail, all of them, for a new Transformer that has it and is else as
    the paper's. (One that is trained may have learnt nothing, which is a failure of its own.)

    `layers` says which class of layers becomes which, in a model that the mistake `suits`; `loss`
    and `schedule` are what a training uses in the place of its own. `needs` is the setting of a
    training without which it does nothing.
    """

    wrong: str
    seen: str
    found_by: tuple[str, ...]
    layers: Mapping[type[mg.Module], type[mg.Module]] = field(default_factory=dict)
    suits: Callable[[Any], bool] = transformer
    loss: Callable[[Seq2Seq, Batch, float], mg.Tensor] | None = None
    schedule: type[mg.optim.WarmupSchedule] = mg.optim.WarmupSchedule
    needs: str | None = None


BUGS: dict[str, Bug] = {
    "no-scale": Bug(
        wrong="the scores of attention are not divided by sqrt(d_k)",
        seen="it learns, somewhat later; the wider the heads, the more each query looks at one key "
        "alone from the start, through which hardly a gradient passes",
        found_by=("scores",),
        layers={MultiHeadAttention: NoScale},
    ),
    "future-leak": Bug(
        wrong="the decoder's look-ahead mask is forgotten",
        seen="a wonderful loss within a few steps, and what it writes is nonsense",
        found_by=("future", "masks", "cached", "overfit"),
        layers={Decoder: SeesFuture},
    ),
    "target-not-shifted": Bug(
        wrong="the decoder is given the very tokens that it is asked for",
        seen="a loss of nearly 0 at once, and what it writes is nonsense",
        found_by=("overfit",),
        loss=not_shifted,
    ),
    "padding-in-loss": Bug(
        wrong="padding counts in the loss, as a word to be written",
        seen="a loss that is a mean over padding too, and no measure; it learns all the same",
        found_by=("loss",),
        loss=with_padding,
    ),
    "no-memory-mask": Bug(
        wrong="encoder-decoder attention is given no mask, and looks at padding",
        seen="hardly anything in the curve; a sentence has other logits in another batch",
        found_by=("padding", "masks", "batch"),
        layers={Decoder: NoMemoryMask},
    ),
    "masks-swapped": Bug(
        wrong="encoder-decoder attention is given the padding mask of the target",
        seen="in most programs an error where source and target differ in length. Where they do "
        "not, the very same curve; but little is right of what is written, for then the end of the "
        "source is hidden as long as little is written",
        found_by=("future", "padding", "masks", "cached", "batch", "loss", "overfit"),
        layers={Decoder: MasksSwapped},
    ),
    "heads-transposed": Bug(
        wrong="heads are cut off by a reshape from (B, T, d_model) to (B, H, T, d_k), without the "
        "exchange of axes",
        seen="no error, for all shapes fit; a loss that stands early, and nonsense is written",
        found_by=("future", "padding", "cached", "batch", "loss", "overfit"),
        layers={MultiHeadAttention: HeadsTransposed},
    ),
    "one-dropout-mask": Bug(
        wrong="dropout begins its generator anew at each call, and drops the same entries always",
        seen="nothing in the curve of a toy; entries that were dropped are never trained, and come "
        "in when dropout ends",
        found_by=("dropout",),
        layers={Dropout: OneMask},
        suits=any_model,
        needs="dropout",
    ),
    "schedule-per-tensor": Bug(
        wrong="the schedule is stepped once for each tensor, not once for each step",
        seen="a warmup that is over at once, a rate that falls far too soon, a curve that stands",
        found_by=("schedule",),
        schedule=SteppedPerTensor,
    ),
    "smoothing-over-padding": Bug(
        wrong="label smoothing takes its mean over padding too",
        seen="hardly anything in the curve; a loss that depends on how much padding is in a batch",
        found_by=("loss",),
        loss=smoothed_over_padding,
        needs="label_smoothing",
    ),
    "embedding-not-scaled": Bug(
        wrong="embeddings are not multiplied by sqrt(d_model) before positions are added",
        seen="a slow start: words are drowned by their positions",
        found_by=("embeddings",),
        layers={Embedding: Unscaled},
        suits=adds_sinusoids,
    ),
    "softmax-over-queries": Bug(
        wrong="the softmax of attention is over the queries, not over the keys",
        seen="rows of a picture of attention that do not sum to one; the future leaks",
        found_by=("future", "padding", "rows", "scores", "cached", "batch", "loss", "overfit"),
        layers={MultiHeadAttention: WrongAxis},
    ),
    "norm-before": Bug(
        wrong="a post-norm model normalises before each sub-layer, and nothing after the last",
        seen="it learns all the same: it is another model than its configuration says, and "
        "weights that come from elsewhere do not fit",
        found_by=("beginning", "norms"),
        layers={EncoderLayer: NormBefore, DecoderLayer: NormBeforeInDecoder},
        suits=post_norm,
    ),
}

NO_BUG = Bug(wrong="", seen="", found_by=())


def bug(name: str | None) -> Bug:
    """The bug of that name; for None one that changes nothing. Raises ValueError for others."""
    if name is None:
        return NO_BUG
    if not isinstance(name, str) or name not in BUGS:
        near = nearest(name, BUGS) or f", only {', '.join(BUGS)}"
        raise ValueError(f"there is no bug {name!r}{near}")
    return BUGS[name]


def apply(model: Any, name: str | None) -> None:
    """Give a model the layers of the bug `name`: the model itself is changed, for good, and its
    weights stay. What is wrong in the training alone is not in the model, see `Bug`.

    Raises ValueError for an unknown bug, and for a model in which it has no place.
    """
    mistake = bug(name)
    found = [module for module in model.modules() if type(module) in mistake.layers]
    if mistake.layers and not (found and mistake.suits(model)):
        raise ValueError(
            f"the bug {name!r} has no place in this model ({model.kind}): {mistake.wrong}"
        )
    for module in found:
        module.__class__ = mistake.layers[type(module)]
