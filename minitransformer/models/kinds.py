"""Which kinds of models there are, by the names that a configuration gives them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..fields import settings_of
from .config import TransformerConfig
from .decoder_lm import DecoderLM
from .encoder_classifier import EncoderClassifier
from .recurrent import AttentionLSTM, LSTMSeq2Seq
from .recurrent_config import RecurrentConfig
from .seq2seq import Seq2Seq
from .stack_config import StackConfig
from .transformer import Transformer


class Kind(NamedTuple):
    """`model(config, rng)` makes a model from a `config`; `one_vocabulary` is whether source and
    target have to have the same."""

    model: Callable[..., Seq2Seq]
    config: Any
    one_vocabulary: bool = False


# To add one, write its file here, see seq2seq.py, and name it in this table.
KINDS = {
    "lstm": Kind(LSTMSeq2Seq, RecurrentConfig),
    "attention-lstm": Kind(AttentionLSTM, RecurrentConfig),
    "transformer": Kind(Transformer, TransformerConfig),
    "decoder-lm": Kind(DecoderLM, StackConfig, one_vocabulary=True),
    "encoder-classifier": Kind(EncoderClassifier, StackConfig),
}


def from_json(kind: str, content: dict[str, Any]) -> Seq2Seq:
    """The model, with weights by chance, of which `content` is what `config.to_json()` gave.

    Raises ValueError for an unknown kind, and as its config does.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"there is no kind of model {kind!r}, only {', '.join(KINDS)}")
    if not isinstance(content, dict):
        raise ValueError('"model" has to be an object, with the fields of its configuration')
    made = KINDS[kind]
    return made.model(made.config.from_json(content))


def fields_of(model: Seq2Seq) -> dict[str, Any]:
    """The kind of a model, and those fields of its configuration that a person chooses: the `model`
    of the settings of a training that makes one like it. What is None is left out."""
    chosen = [each.name for each in settings_of(model.config) if each.metadata["flag"]]
    fields = {name: getattr(model.config, name) for name in chosen}
    return {"kind": model.kind} | {k: v for k, v in fields.items() if v is not None}
