"""How each bug of the lab is written, and how it is mended: the lines of this project that a person
would have got wrong. A test puts the wrong ones in their place, and gets the bug."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mended:
    """In `file`, each pair of `lines`: what is wrong, and what stands there in truth."""

    file: str
    lines: tuple[tuple[str, str], ...]

    def diff(self) -> str:
        """The lines as a diff, wrong to right."""
        parts = []
        for wrong, right in self.lines:
            parts += [f"-{line}" for line in wrong.splitlines()]
            parts += [f"+{line}" for line in right.splitlines()]
        return "\n".join(parts)


ATTENTION = "minitransformer/models/attention.py"
LAYERS = "minitransformer/models/layers.py"
TRANSFORMER = "minitransformer/models/transformer.py"
LOOP = "minitransformer/training/loop.py"
LOSS = "minitransformer/training/metrics.py"
HEADS = "minigrad/ops/heads.py"

CROSS_ENTROPY = """\
    return mg.cross_entropy(
        logits, batch.tgt_out, ignore_index=PAD, label_smoothing=label_smoothing
    )"""
DECODED = '    return self.logits(self.decoder(x, memory, mask, {})).named("logits")'

MENDED = {
    "no-scale": Mended(
        ATTENTION,
        (
            (
                '    scores = products.named("scores")',
                '    scores = (products * (1 / math.sqrt(d_k))).named("scores")',
            ),
        ),
    ),
    "future-leak": Mended(
        TRANSFORMER,
        (
            (
                "        mask = padding_mask(tgt)",
                "        mask = combine_masks(padding_mask(tgt), look_ahead_mask(tgt.shape[1]))",
            ),
        ),
    ),
    "target-not-shifted": Mended(
        LOSS,
        (
            (
                "    logits = model(batch.src, batch.tgt_out)",
                "    logits = model(batch.src, batch.tgt_in)",
            ),
        ),
    ),
    "padding-in-loss": Mended(
        LOSS,
        (
            (
                "    return mg.cross_entropy(\n"
                "        logits, batch.tgt_out, label_smoothing=label_smoothing\n"
                "    )",
                CROSS_ENTROPY,
            ),
        ),
    ),
    "no-memory-mask": Mended(
        TRANSFORMER, ((DECODED.format("None"), DECODED.format("padding_mask(src)")),)
    ),
    "masks-swapped": Mended(
        TRANSFORMER,
        ((DECODED.format("padding_mask(tgt)"), DECODED.format("padding_mask(src)")),),
    ),
    "heads-transposed": Mended(
        HEADS,
        (
            (
                "    heads = x.reshape(batch, num_heads, time, d_model // num_heads)\n"
                "    return heads, dx",
                "    heads = x.reshape(batch, time, num_heads, d_model // num_heads)"
                "  # (B, T, H, d_k)\n    return heads.swapaxes(1, 2), dx",
            ),
            (
                "    return x.reshape(batch, time, heads * d_k), dx",
                "    return x.swapaxes(1, 2).reshape(batch, time, heads * d_k), dx",
            ),
        ),
    ),
    "one-dropout-mask": Mended(
        LAYERS,
        (
            (
                "        return mg.dropout(x, self.p, np.random.default_rng(0)) if self.training"
                " else x",
                "        return mg.dropout(x, self.p, self.rng) if self.training else x",
            ),
        ),
    ),
    "schedule-per-tensor": Mended(
        LOOP,
        (
            (
                "        for _ in model.parameters():\n            schedule.step()",
                "        schedule.step()",
            ),
        ),
    ),
    "smoothing-over-padding": Mended(
        LOSS,
        (
            (
                "    of_target = mg.cross_entropy(logits, batch.tgt_out, ignore_index=PAD)\n"
                "    of_all = mg.cross_entropy(logits, batch.tgt_out, label_smoothing=1.0)\n"
                "    return (1 - label_smoothing) * of_target + label_smoothing * of_all",
                CROSS_ENTROPY,
            ),
        ),
    ),
    "embedding-not-scaled": Mended(
        LAYERS,
        (
            (
                "        return mg.embedding(self.weight, ids)",
                "        return mg.embedding(self.weight, ids) * self.scale",
            ),
        ),
    ),
    "softmax-over-queries": Mended(
        ATTENTION,
        (
            (
                '    weights = mg.softmax(scores, axis=-2).named("weights")',
                '    weights = mg.softmax(scores).named("weights")',
            ),
        ),
    ),
    "norm-before": Mended(
        TRANSFORMER,
        (
            (
                "        y = self.norm_1(x, real)\n"
                "        attended = self.dropout(self.self_attention(y, y, y, mask, cache))\n"
                '        x = (x + attended).named("add_1")\n'
                "        fed = self.dropout(self.feed_forward(self.norm_2(x, real)))\n"
                '        return (x + fed).named("add_2")',
                "        attended = self.dropout(self.self_attention(x, x, x, mask, cache))\n"
                '        x = self.norm_1((x + attended).named("add_1"), real)  # Add & Norm\n'
                "        fed = self.dropout(self.feed_forward(x))\n"
                '        return self.norm_2((x + fed).named("add_2"), real)  # Add & Norm',
            ),
        ),
    ),
}
