import json
import os
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import bench
import caching
import compare
import kernels
import numpy as np
import pytest
import with_minitransformer
import with_products
import worker
import workloads
from frameworks import BASELINE, FRAMEWORKS, OURS
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

HERE = Path(__file__).parents[2]
MACHINE = {"processor": "a processor", "cores": 2, "packages": {"numpy": "2.0"}}
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
    assert set((src != workloads.PAD).sum(axis=1)) == {5, 6, 7, 8, 9, 10}
    np.testing.assert_array_equal(tgt_in[:, 1:], tgt_out[:, :-1])


def test_the_special_tokens_given_to_the_others_are_ours():
    batch = mt.make_batch([([5, 6], [7]), ([5], [7])])
    pad, start, end = workloads.PAD, workloads.START, workloads.END
    assert batch.src.tolist() == [[5, 6, end], [5, end, pad]]
    assert batch.tgt_in.tolist() == [[start, 7]] * 2


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


def test_the_bench_runs_from_end_to_end(kernel, tmp_path, capsys):
    arguments = ["--quick", "--workloads", "W0", "--rounds", "1", "--output", str(tmp_path)]
    measured = [OURS, "two-workers", "products"]
    assert bench.main([*arguments, "--frameworks", *measured, "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert "W0: overhead only" in out
    assert f"W0: minitransformer computes with {kernel}\n" in out
    kernels_line = f"Kernels: {kernel} (minitransformer, two workers, products alone)."
    assert kernels_line in out and kernels_line in (tmp_path / "bench.md").read_text()
    report = json.loads((tmp_path / "bench.json").read_text())
    assert [result["kernel"] for result in report["results"]] == [kernel] * 3


def test_two_checkouts_are_compared_from_end_to_end(monkeypatch, capsys):
    monkeypatch.setattr(compare, "WARM_UP", 1)
    monkeypatch.setattr(compare, "LEAST", 1)
    assert compare.main([str(HERE), "--pairs", "1", "--seconds", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    measured = [line.split(":")[0] for line in lines[lines.index(compare.HEAD) + 1 :]]
    assert measured == list(WORKLOADS)


def test_the_packages_compared_are_those_of_the_checkouts(tmp_path, capsys):
    for package in ("minigrad", "minitransformer"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise ValueError('the other one')")
    arguments = ["-w", "W0", "--pairs", "1", "--seconds", "0"]
    assert compare.main([str(HERE), str(tmp_path), *arguments]) == 2
    assert "failed: ValueError: the other one" in capsys.readouterr().err


def test_a_folder_that_is_no_checkout_is_refused(tmp_path, capsys):
    assert compare.main([str(tmp_path)]) == 2
    assert "is no checkout of this project: it has no minigrad" in capsys.readouterr().err


def test_a_child_has_all_of_the_environment_but_what_slows_numpy(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1024")
    monkeypatch.setenv("OPENBLAS_VERBOSE", "0")
    child = worker.child_environment(threads=3)
    assert os.environ.keys() - child.keys() == {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
    changed = {*worker.THREADS, "PYTHONPATH"}
    kept = os.environ.keys() & child.keys() - changed
    assert "OPENBLAS_VERBOSE" in kept and all(child[name] == os.environ[name] for name in kept)
    assert {child[name] for name in worker.THREADS} == {"3"}


@pytest.fixture
def kernel():
    """NumPy's in a process that nothing slows; in this one it may be another."""
    command = [sys.executable, "-c", "import kernels; print(kernels.numpy_kernel())"]
    environment = worker.child_environment(1)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def kernel_of_a_worker(framework, folder):
    problem = bench.save_new_problem(folder, W0, seed=0)
    one = worker.Worker(FRAMEWORKS[framework], W0, problem, threads=1)
    one.run(1)
    one.stop()
    return one.kernel


def test_a_worker_is_not_slowed(kernel, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    assert kernel_of_a_worker(OURS, tmp_path) == kernel


@pytest.mark.parametrize(
    "names", [[], ["OPENBLAS_CORETYPE"], ["OPENBLAS_L2_SIZE"], list(kernels.SLOWING)]
)
def test_a_line_says_when_the_environment_would_slow_numpy(names, monkeypatch, capsys):
    for name in kernels.SLOWING:
        monkeypatch.delenv(name, raising=False)
    for name in names:
        monkeypatch.setenv(name, "1024")
    assert kernels.warn_of_slowing() == bool(names)
    said = f"The environment would slow NumPy ({', '.join(names)}): measured without.\n"
    assert capsys.readouterr().out == (said if names else "")


def test_a_profile_is_made_without_what_slows_numpy(kernel, tmp_path):
    environment = {**worker.child_environment(1), "OPENBLAS_CORETYPE": "Nehalem"}
    script = Path(worker.__file__).with_name("profile_step.py")
    arguments = ["--workload", "W0", "--steps", "1", "--output", str(tmp_path)]
    command = [sys.executable, str(script), *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.count("The environment would slow NumPy (OPENBLAS_CORETYPE)") == 1
    assert f"products by {kernel}, threads: 1" in ended.stdout


def test_decoding_with_the_cache_is_timed_beside_decoding_without(capsys):
    caching.main(["--workloads", "W0", "--batches", "1", "3", "--length", "4", "--rounds", "1"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert lines[0].startswith("| ms for 4 tokens | with the cache |")
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| W0, batch 1", "| W0, batch 3"]
    assert all(line.count(" times (") == 2 for line in lines[2:])


def test_ways_to_decode_that_do_not_write_the_same_are_not_timed(monkeypatch):
    monkeypatch.setattr(caching, "reading_the_source_once", lambda *_: [[4]])
    with pytest.raises(ValueError, match="W0: the ways to decode do not write the same"):
        caching.racers(W0)


def test_pytorch_says_what_it_computes_with(tmp_path):
    torch = pytest.importorskip("torch")
    kernel = kernel_of_a_worker(BASELINE, tmp_path)
    assert kernel.endswith(f", {torch.backends.cpu.get_cpu_capability()}")
    assert kernel.startswith("MKL for " if torch.backends.mkl.is_available() else "")


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
    result = {"workload": "W0", "framework": OURS, "ratio": 0.5, "kernel": "openblas Zen"}
    for _ in range(2):
        insert(path, [result], MACHINE)
    text = path.read_text()
    assert text.startswith(f"before\n{START}\n") and text.endswith(f"{END}\nafter\n")
    assert "old" not in text and text.count("0.50") == 1
    assert "2 cores; numpy 2.0. Kernels: openblas Zen (minitransformer)." in text


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
            "kernel": "openblas Zen",
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
    for path in save(tmp_path, results, MACHINE):
        assert path.stat().st_size > 0
