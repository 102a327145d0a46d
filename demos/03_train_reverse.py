"""Train a Transformer to turn short strings round, from nothing, and look at what it learned.

Run it: python demos/03_train_reverse.py   (about twenty seconds)
"""

# %% The task makes its own data; no test example can occur in training
import numpy as np

import minigrad as mg
import minitransformer as mt

task = mt.tasks.get("reverse", symbols=6, longest=8)
rng = np.random.default_rng(0)
for source, target in task.examples("train", 3, rng):
    print(f"{source} -> {target}")

# %% The data as ids, a batch, and the shift of teacher forcing
pairs = task.examples("train", 20_000, rng)
vocab = mt.Vocabulary.build([source for source, _ in pairs], task.unit)
ids = [(vocab.encode(source), vocab.encode(target)) for source, target in pairs]
batch = mt.make_batch(ids[:2])
print("\nsrc     the encoder reads it, padded after the end  ", batch.src.tolist())
print("tgt_in  the decoder reads it, after a start token   ", batch.tgt_in.tolist())
print("tgt_out what it is asked for: the next token of each", batch.tgt_out.tolist())

# %% The model of the paper, only smaller
config = mt.TransformerConfig.tiny(len(vocab), len(vocab), dropout=0.0, max_length=16)
model = mt.Transformer(config, np.random.default_rng(1))
print(f"\n{sum(p.size for p in model.parameters()):,} parameters")

# %% The loop: forward, loss, backward, step
optimizer = mg.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)
schedule = mg.optim.WarmupSchedule(optimizer, config.d_model, warmup_steps=200)
held_out = task.examples("validation", 100, rng)
held_out_ids = [(vocab.encode(source), vocab.encode(target)) for source, target in held_out]
step = 0
while step < 1500:
    for batch in mt.shuffled_batches(ids, 64, rng):
        optimizer.zero_grad()
        loss = mt.batch_loss(model, batch)
        loss.backward()
        schedule.step()
        optimizer.step()
        step += 1
        if step % 250 == 0:
            result = mt.evaluate(model, held_out_ids)
            written = vocab.decode(result.predictions[0])
            print(
                f"step {step:5}: loss {loss.item():.3f}, held out {result.exact_match:4.0%} right; "
                f"{held_out[0][0]} -> {written}"
            )
        if step == 1500:
            break

# %% One token at a time: what the model writes for a word of our own
for text in ("abc", "fedcba", "facade"):
    (written,) = mt.greedy_decode(model, mt.source_rows([vocab.encode(text)]))
    print(f"{text} -> {vocab.decode(written)}")
