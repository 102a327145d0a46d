"""What an editor knows of minitransformer: read by pyright, never run.

    pyright tests/minitransformer/typed_uses.py

A line with `pyright: ignore` has to be an error, or pyright says that the comment is not needed.
"""
# pyright: reportUnnecessaryTypeIgnoreComment=error

from pathlib import Path
from typing import Any, assert_type

import numpy as np

import minigrad as mg
import minitransformer as mt
from minitransformer.models.recurrent import AttentionState, ContextState
from minitransformer.models.seq2seq import Seq2Seq, State
from minitransformer.models.transformer import TransformerState
from minitransformer.training.metrics import Evaluation

# Training.

run = mt.train("reverse", "folder", steps=5, size="tiny", quiet=True)
assert_type(run, mt.Run)
mt.train(mt.tasks.get("copy", symbols=5), Path("folder"), model={"d_model": 48}, threads=None)
mt.train(task="numbers", folder=None, batch_size=64, lr_scale=0.5, seed=1)
mt.train("reverse", model="lstm")
mt.train("reverse", model={"kind": "attention-lstm", "d_model": 48})
mt.train("reverse", stps=3)  # pyright: ignore[reportCallIssue]
mt.train("reverse", steps="x")  # pyright: ignore[reportArgumentType]
mt.train("reverse", "folder", 3)  # pyright: ignore[reportCallIssue]
mt.train(3)  # pyright: ignore[reportArgumentType]
mt.TrainingSettings(steps=3).steps = 4  # pyright: ignore[reportAttributeAccessIssue]

# Models.

config = mt.TransformerConfig(11, 12, d_model=32, num_heads=2)
assert_type(mt.TransformerConfig.tiny(11, 12, dropout=0.0), mt.TransformerConfig)
mt.TransformerConfig(11)  # pyright: ignore[reportCallIssue]
mt.TransformerConfig(11, 12, d_modle=3)  # pyright: ignore[reportCallIssue]
model = mt.Transformer(config, np.random.default_rng(0))
src, tgt = np.zeros((2, 5), int), np.zeros((2, 3), int)
assert_type(model.encode(src), mg.Tensor)
assert_type(model.decode(tgt, model.encode(src), src), mg.Tensor)
assert_type(mt.padding_mask(src), np.ndarray)
assert_type(mt.combine_masks(mt.padding_mask(tgt), mt.look_ahead_mask(3)), np.ndarray)

# To PyTorch and back. (What `to_torch` gives an editor knows where PyTorch is installed.)

mt.to_torch(model)
mt.from_torch({"output.bias": np.zeros(3)}, config).parameters()
mt.from_torch({"output.bias": np.zeros(3)}, kind=3)  # pyright: ignore[reportArgumentType]
assert_type(mt.save_safetensors(model, "file.safetensors"), Path)
mt.load_safetensors(Path("file.safetensors"), like=model).eval()

# The contract.

state = model.start(src)
assert_type(state, TransformerState)
assert_type(model.step(state, tgt[:, 0]), tuple[mg.Tensor, TransformerState])
assert_type(state.select(np.array([True, False])), TransformerState)
any_model: Seq2Seq[TransformerState] = model
any_state: State = state
assert_type(mt.greedy_decode(model, src), list[list[int]])
assert_type(mt.beam_search(model, src, 4, length_penalty=0.6), list[list[mt.Hypothesis]])
assert_type(mt.sample(model, src, np.random.default_rng(0), top_k=5), list[list[int]])
assert_type(mt.beam_search(model, src)[0][0].score, float)
mt.sample(model, src, 0)  # pyright: ignore[reportArgumentType]
assert_type(mt.evaluate(model, [([4], [5, 6])]), Evaluation)
assert_type(mt.check(model).failed, list[str])
recurrent = mt.AttentionLSTM(mt.RecurrentConfig(11, 12, d_model=8), np.random.default_rng(0))
assert_type(recurrent.step(recurrent.start(src), tgt[:, 0]), tuple[mg.Tensor, AttentionState])
another_model: Seq2Seq[ContextState] = mt.LSTMSeq2Seq(mt.RecurrentConfig.of_size("tiny", 11, 12))
assert_type(mt.greedy_decode(another_model, src), list[list[int]])
mt.greedy_decode(mg.Module(), src)  # pyright: ignore[reportArgumentType]

# Runs.

assert_type(mt.load("folder"), mt.Run)
assert_type(run.translate("abc", "de"), list[str])
assert_type(run.log(), list[dict[str, Any]])
assert_type(run.translate(["abc", "de"]), list[str])
assert_type(run.translate("abc", beam=4, length_penalty=1.0), list[str])
assert_type(run.translate("abc", sample=np.random.default_rng(0), top_p=0.9), list[str])
assert_type(run.translations("abc", n_best=3), list[list[tuple[float, str]]])
run.translate(3)  # pyright: ignore[reportArgumentType]
assert_type(list(run.translate_each(["abc"])), list[str | ValueError])
assert_type(run.explain("abc"), mt.Explanation)
assert_type(mt.check(run).ok, bool)
assert_type(run.explain("abc")["memory"], np.ndarray)
mt.load("folder", task_file=Path("mine.py"))
mt.TrainingSettings(lr=0.001)
assert_type(mt.attention_maps(run, "abc")["encoder"].only(layer=1).svg(), str)
