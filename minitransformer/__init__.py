"""minitransformer: the Transformer of "Attention Is All You Need", made of minigrad's ops."""

from . import bugs, tasks
from .configuration import train_from
from .decoding.beam import Hypothesis, beam_search
from .decoding.greedy import greedy_decode
from .decoding.sampling import sample
from .explaining import Explanation
from .lab.check import check
from .lab.pytorch import from_torch, to_torch
from .lab.weight_file import load_safetensors, save_safetensors
from .looking.attention_maps import attention_maps
from .models.attention import MultiHeadAttention, scaled_dot_product_attention
from .models.config import TransformerConfig
from .models.decoder_lm import DecoderLM
from .models.encoder_classifier import EncoderClassifier
from .models.layers import BatchNorm, Dropout, Embedding, FeedForward, LayerNorm, Linear
from .models.lstm import LSTM, BidirectionalLSTM, LSTMCell
from .models.masks import combine_masks, look_ahead_mask, padding_mask
from .models.positions import (
    ConcatenatedEncoding,
    LearnedEncoding,
    SinusoidalEncoding,
    concatenated_sinusoids,
    rotated,
    sinusoids,
)
from .models.recurrent import AdditiveAttention, AttentionLSTM, LSTMSeq2Seq
from .models.recurrent_config import RecurrentConfig
from .models.stack_config import StackConfig
from .models.transformer import Decoder, DecoderLayer, Encoder, EncoderLayer, Transformer
from .run import Run, load
from .tasks import Task
from .text.batching import Batch, make_batch, shuffled_batches, source_rows
from .text.vocabulary import Vocabulary
from .text.vocabulary_settings import VocabularySettings
from .training.metrics import batch_loss, evaluate
from .training.settings import TrainingSettings
from .training.trainer import resume, train

__all__ = [
    "LSTM",
    "AdditiveAttention",
    "AttentionLSTM",
    "BatchNorm",
    "Batch",
    "BidirectionalLSTM",
    "ConcatenatedEncoding",
    "Decoder",
    "DecoderLM",
    "DecoderLayer",
    "Dropout",
    "Embedding",
    "Encoder",
    "EncoderClassifier",
    "EncoderLayer",
    "Explanation",
    "FeedForward",
    "Hypothesis",
    "LSTMCell",
    "LSTMSeq2Seq",
    "LayerNorm",
    "LearnedEncoding",
    "Linear",
    "MultiHeadAttention",
    "RecurrentConfig",
    "Run",
    "SinusoidalEncoding",
    "StackConfig",
    "Task",
    "TrainingSettings",
    "Transformer",
    "TransformerConfig",
    "Vocabulary",
    "VocabularySettings",
    "attention_maps",
    "batch_loss",
    "beam_search",
    "bugs",
    "check",
    "combine_masks",
    "concatenated_sinusoids",
    "evaluate",
    "from_torch",
    "greedy_decode",
    "load",
    "load_safetensors",
    "look_ahead_mask",
    "make_batch",
    "padding_mask",
    "resume",
    "rotated",
    "sample",
    "save_safetensors",
    "scaled_dot_product_attention",
    "shuffled_batches",
    "sinusoids",
    "source_rows",
    "tasks",
    "to_torch",
    "train",
    "train_from",
]


def __dir__() -> list[str]:
    return sorted(__all__)
