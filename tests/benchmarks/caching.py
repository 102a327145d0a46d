"""What the key/value cache is worth: decoding with it beside decoding without, 64 tokens each.

    python tests/benchmarks/caching.py --workloads W1 --batches 1 64 --rounds 7

Without it there are two ways: to read source and target again for every token, as
`greedy_decode(cached=False)` does with a model's `forward` alone; and to read the source once, and
only the target again. They take turns in one process, see rounds.py. A line a workload and batch:
the milliseconds of each, and how many times as long as with the cache that is, the median over the
rounds with its quartiles.
"""

import argparse
import time
from dataclasses import replace

import numpy as np
from bench import at_least_one, warn_of_load
from kernels import numpy_kernel, restart_without_slowing
from rounds import paired_ratio, race, typical_time
from threadpoolctl import threadpool_limits
from with_minitransformer import new_model
from workloads import START, WORKLOADS, make_data, never_end

import minigrad as mg
import minitransformer as mt
from minitransformer.decoding.writing import writable

WAYS = {
    "cached": "with the cache",
    "target again": "the target read again",
    "all again": "source and target read again",
}


def main(arguments=None):
    options = parser().parse_args(arguments)
    warn_of_load()
    threadpool_limits(options.threads)
    print("| " + " | ".join([f"ms for {options.length} tokens", *WAYS.values()]) + " |")
    print("| --- |" + " ---: |" * len(WAYS))
    for name in options.workloads:
        for batch in options.batches:
            workload = replace(WORKLOADS[name], batch=batch, length=options.length, cached=True)
            times = race(racers(workload), options.rounds)
            cells = [f"{name}, batch {batch}", *(cell(times, way) for way in WAYS)]
            print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\nProducts by {numpy_kernel()}, threads: {options.threads}")


def parser():
    parser = argparse.ArgumentParser(description="Time decoding with and without the cache.")
    add = parser.add_argument
    add("--workloads", nargs="+", choices=list(WORKLOADS), default=["W1", "W2"], metavar="NAME")
    add("--batches", nargs="+", type=at_least_one, default=[1, 16], metavar="N")
    add("--length", type=at_least_one, default=64, help="tokens written (default: %(default)s)")
    add("--rounds", type=at_least_one, default=5, help="(default: %(default)s)")
    add("--threads", type=at_least_one, default=1, help="of the BLAS (default: %(default)s)")
    return parser


def racers(workload):
    """{way: function that decodes once and returns its milliseconds}. Raises ValueError unless all
    ways write the same."""
    model = new_model(workload)
    model.load_state_dict(never_end(model.state_dict()))
    src, length = make_data(workload, seed=0)["src"][0], workload.length
    ways = {
        "cached": lambda: mt.greedy_decode(model, src, length),
        "target again": lambda: reading_the_source_once(model.eval(), src, length),
        "all again": lambda: mt.greedy_decode(model, src, length, cached=False),
    }
    written = [way() for way in ways.values()]  # which warms up, too
    if not written[0] == written[1] == written[2]:
        raise ValueError(f"{workload.name}: the ways to decode do not write the same")
    return {name: timed(way) for name, way in ways.items()}


def timed(decode):
    def milliseconds():
        started = time.perf_counter()
        decode()
        return 1000 * (time.perf_counter() - started)

    return milliseconds


def reading_the_source_once(model, src, length):
    """Greedy decoding of sentences that never end, with a Transformer's `encode` and `decode`."""
    written = np.full((len(src), 1), START)
    with mg.no_grad():
        memory = model.encode(src)
        for _ in range(length):
            logits = model.decode(written, memory, src).data[:, -1]
            tokens = writable(logits).argmax(axis=-1)
            written = np.concatenate([written, tokens[:, None]], axis=1)
    return written[:, 1:].tolist()


def cell(times, way):
    """The milliseconds, and for what is compared with the cache how many times as long."""
    if way == "cached":
        return f"{typical_time(times, way):.0f}"
    middle, low, high = paired_ratio(times, way, "cached")
    return f"{typical_time(times, way):.0f}: {middle:.1f} times ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    restart_without_slowing()
    main()
