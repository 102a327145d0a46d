"""minitransformer: the Transformer of "Attention Is All You Need", made of minigrad's ops."""

from . import tasks
from .attention import MultiHeadAttention, scaled_dot_product_attention
from .attention_maps import attention_maps
from .batching import Batch, make_batch, shuffled_batches, source_rows
from .config import TransformerConfig
from .decode import greedy_decode
from .layers import BatchNorm, Dropout, Embedding, FeedForward, LayerNorm, Linear
from .masks import combine_masks, look_ahead_mask, padding_mask
from .metrics import batch_loss, evaluate
from .positions import LearnedEncoding, SinusoidalEncoding, sinusoids
from .run import Run, load
from .tasks import Task
from .train import TrainingSettings, train
from .transformer import Decoder, DecoderLayer, Encoder, EncoderLayer, Transformer
from .vocab import Vocabulary
