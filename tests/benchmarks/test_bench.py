from itertools import cycle

import bench
import numpy as np
import pytest
import with_minitransformer
import with_products
import worker
from frameworks import FRAMEWORKS, OURS
from report import END, START, insert, save, tables
from rounds import paired_ratio, quiet_rounds, race, typical_time
from workloads import (
    WORKLOADS,
    batches,
    load_problem,
    make_data,
    never_end,
    save_problem,
    sinusoids,
)

import minitransformer as mt
from minitransformer.text.specials import PAD

W0, DECODE = WORKLOADS["W0"], WORKLOADS["decode"]


def test_our_stepper_learns_a_batch_of_w0():
    data = {name: ids[:1] for name, ids in make_data(W0, 0).items()}
    weights = with_minitransformer.new_model(W0).state_dict()
    stepper = with_minitransformer.Stepper(W0, weights, data)
    losses = [stepper.step() for _ in range(50)]
    assert losses[-1] < 0.8 * losses[0]


def test_our_decoder_writes_as_many_tokens_for_every_sentence():
    weights = never_end(with_minitransformer.new_model(DECODE).state_dict())
    decoder = with_minitransformer.Decoder(DECODE, weights, make_data(DECODE, 0))
    assert np.shape(decoder.step()) == (64, 16)


def test_the_data_has_sources_of_several_lengths_and_shifted_targets():
    src, tgt_in, tgt_out = batches(make_data(WORKLOADS["W1"], 0))[0]
    assert src.shape == tgt_in.shape == (64, 10)
    assert set((src != PAD).sum(axis=1)) == {5, 6, 7, 8, 9, 10}
    np.testing.assert_array_equal(tgt_in[:, 1:], tgt_out[:, :-1])


def test_the_positions_given_to_the_others_are_ours():
    np.testing.assert_allclose(sinusoids(20, 8), mt.sinusoids(20, 8), atol=1e-6)


def test_weights_and_data_survive_the_file(tmp_path):
    weights, data = with_minitransformer.new_model(W0).state_dict(), make_data(W0, 0)
    save_problem(tmp_path / "problem.npz", weights, data)
    for saved, found in zip((weights, data), load_problem(tmp_path / "problem.npz")):
        assert saved.keys() == found.keys()
        assert all((saved[name] == found[name]).all() for name in saved)


def test_the_counted_products_are_those_of_the_linear_layers_and_the_attention():
    products = with_products.forward_products(WORKLOADS["W1"])
    model = with_minitransformer.new_model(WORKLOADS["W1"])
    weights = [w for name, w in model.state_dict().items() if w.ndim == 2]
    weights = weights[2:]  # the embeddings are looked up
    assert sum(n for (heads, *_), n in products.items() if not heads) == len(weights)
    assert sum(n * k * m for (heads, _, k, m), n in products.items() if not heads) == sum(
        w.size for w in weights
    )
    assert sum(n for (heads, *_), n in products.items() if heads) == 2 * 6  # two an attention


def test_a_ratio_is_the_median_over_pairs_without_the_disturbed_rounds():
    times = [{"a": 1.0, "b": 2.0}, {"a": 1.2, "b": 2.0}, {"a": 0.8, "b": 2.0}, {"a": 9.0, "b": 2.0}]
    assert quiet_rounds(times) == 3
    assert typical_time(times, "a") == 1.0
    assert paired_ratio(times, "a", "b") == pytest.approx((0.5, 0.45, 0.55))


def test_a_slow_phase_of_the_machine_leaves_the_ratio_as_it_is():
    times = [{"a": 0.5 * speed, "b": speed} for speed in (1.0, 1.1, 1.4, 1.2, 1.0)]
    assert paired_ratio(times, "a", "b")[0] == pytest.approx(0.5)


def test_a_race_interleaves_in_rotating_order_and_repeats_a_disturbed_round():
    order, times_of_a = [], iter([1.0, 5.0, 1.0, 1.0, 1.0])
    racers = {
        "a": lambda: order.append("a") or next(times_of_a),
        "b": lambda: order.append("b") or 1.0,
    }
    assert len(race(racers, rounds=3, rest=0)) == 4
    assert "".join(order) == "abbaabba"


def test_a_race_on_a_restless_machine_ends():
    def disturbed_every_third_time(first):
        times = cycle([9.0 if i == first else 1.0 for i in range(3)])
        return lambda: next(times)

    racers = {name: disturbed_every_third_time(i) for i, name in enumerate("abc")}
    assert len(race(racers, rounds=4, rest=0)) == 8


def test_different_losses_are_an_error_that_names_the_frameworks():
    losses = {OURS: [2.5, 2.4], "products": [None, None], "jax": [2.5, 2.4002]}
    with pytest.raises(ValueError, match="W0: minitransformer and jax do not compute the same"):
        bench.check_agreement(W0, losses)
    losses["jax"] = [2.50005, 2.4]
    bench.check_agreement(W0, losses)


def test_the_bench_runs_from_end_to_end(tmp_path, capsys):
    arguments = ["--quick", "--workloads", "W0", "--rounds", "1", "--output", str(tmp_path)]
    measured = [OURS, "two-workers", "products"]
    assert bench.main([*arguments, "--frameworks", *measured, "--threads", "1"]) == 0
    assert "W0: overhead only" in capsys.readouterr().out
    assert {"bench.json", "bench.md"} <= {path.name for path in tmp_path.iterdir()}


def test_a_worker_that_fails_says_how(tmp_path):
    broken = worker.Worker(FRAMEWORKS[OURS], W0, tmp_path / "missing.npz", threads=1)
    with pytest.raises(RuntimeError, match=r"minitransformer at W0 failed: FileNotFoundError"):
        broken.run(1)
    broken.stop()


def test_a_worker_that_was_killed_says_so(tmp_path):
    killed = worker.Worker(FRAMEWORKS[OURS], W0, tmp_path / "missing.npz", threads=1)
    killed.process.kill()
    with pytest.raises(RuntimeError, match="minitransformer at W0 ended with exit status -9"):
        killed.run(1)
    killed.stop()


def test_the_ratios_go_between_the_marks_of_a_file_and_replace_the_old_ones(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    machine = {"processor": "a processor", "cores": 2, "packages": {"numpy": "2.0"}}
    result = {"workload": "W0", "framework": OURS, "ratio": 0.5}
    for _ in range(2):
        insert(path, [result], machine)
    text = path.read_text()
    assert text.startswith(f"before\n{START}\n") and text.endswith(f"{END}\nafter\n")
    assert "old" not in text and text.count("0.50") == 1 and "2 cores; numpy 2.0." in text


def test_a_file_without_a_place_for_the_ratios_is_refused(tmp_path, capsys):
    path = tmp_path / "page.md"
    path.write_text(f"{END}\n{START}\n")
    assert bench.main(["--into", str(path), "--output", str(tmp_path)]) == 2
    assert "has no place for a table" in capsys.readouterr().err


def test_the_tables_have_a_row_for_each_workload_and_the_picture_a_dot(tmp_path):
    common = {"threads": 1, "peak_mb": 50.0, "low": 0.4, "high": 0.6}
    results = [
        {
            "workload": w,
            "framework": f,
            "ms": 10.0,
            "ratio": 0.5,
            **common,
        }
        for w in ("W0", "W1")
        for f in FRAMEWORKS
    ]
    results.append({**results[0], "workload": "decode"})
    ratios = tables(results).split("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")][1:] for line in ratios[2:]]
    everyone, one = ["0.50"] * len(FRAMEWORKS), ["0.50"] + ["-"] * (len(FRAMEWORKS) - 1)
    assert cells == [everyone, everyone, one]
    for path in save(tmp_path, results, {}):
        assert path.stat().st_size > 0
