"""What stands around attention, as it is written by mistake."""

from typing import Any

import numpy as np

import minigrad as mg

from ..models.layers import Dropout, Embedding
from ..models.masks import real_positions
from ..models.transformer import Decoder, DecoderLayer, EncoderLayer


class SeesFuture(Decoder):
    """Padding is masked, and the look-ahead mask is forgotten."""

    def forward(
        self, x: mg.Tensor, memory: Any, mask: Any, memory_mask: Any, caches: Any = None
    ) -> mg.Tensor:
        of_last = mask[:, :, -1:]  # (B, 1, 1, T)
        return super().forward(x, memory, of_last, memory_mask, caches)


class NoMemoryMask(Decoder):
    """Encoder-decoder attention is given no mask."""

    def forward(
        self, x: mg.Tensor, memory: Any, mask: Any, memory_mask: Any, caches: Any = None
    ) -> mg.Tensor:
        return super().forward(x, memory, mask, None, caches)


class MasksSwapped(Decoder):
    """Encoder-decoder attention is given the padding mask of the target. Where both sides are as
    long, as in programs that pad all to one length, nothing says so: here too it is made to fit."""

    def forward(
        self, x: mg.Tensor, memory: Any, mask: Any, memory_mask: Any, caches: Any = None
    ) -> mg.Tensor:
        of_target = mask[:, :, -1:]  # (B, 1, 1, T)
        fitting = np.ones_like(memory_mask)  # (B, 1, 1, S)
        both = min(of_target.shape[-1], fitting.shape[-1])
        fitting[..., :both] = of_target[..., :both]
        return super().forward(x, memory, mask, fitting, caches)


class NormBefore(EncoderLayer):
    """It normalises before each sub-layer, though the model is said to do so after it; and so what
    leaves the stack is not normalised at all."""

    def forward(self, x: mg.Tensor, mask: np.ndarray | None, cache: Any = None) -> mg.Tensor:
        real = real_positions(mask, x)
        y = self.norm_1(x, real)
        x = (x + self.dropout(self.self_attention(y, y, y, mask, cache))).named("add_1")
        return (x + self.dropout(self.feed_forward(self.norm_2(x, real)))).named("add_2")


class NormBeforeInDecoder(DecoderLayer):
    """As NormBefore."""

    def forward(
        self, x: mg.Tensor, memory: Any, mask: Any, memory_mask: Any, cache: Any = None
    ) -> mg.Tensor:
        real = real_positions(mask, x)
        own, of_memory = (cache.own, cache.memory) if cache else (None, None)
        y = self.norm_1(x, real)
        x = (x + self.dropout(self.self_attention(y, y, y, mask, own))).named("add_1")
        y = self.cross_attention(self.norm_2(x, real), memory, memory, memory_mask, of_memory)
        x = (x + self.dropout(y)).named("add_2")
        return (x + self.dropout(self.feed_forward(self.norm_3(x, real)))).named("add_3")


class Unscaled(Embedding):
    """One learned row for each id, not times sqrt(d_model)."""

    def forward(self, ids: mg.Tensor | np.ndarray) -> mg.Tensor:
        return mg.embedding(self.weight, ids)


class OneMask(Dropout):
    """Every call begins its generator anew, as where a seed or a key is given instead of one that
    goes on: each time the same entries are dropped."""

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return mg.dropout(x, self.p, np.random.default_rng(0)) if self.training else x
