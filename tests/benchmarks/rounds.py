"""Fair timing on a machine that does other things too: interleave, repeat, compare in pairs.

In each round every racer runs one block of steps, in rotating order. A block that took 1.5 times
its racer's median was disturbed; such rounds are repeated. A ratio is the median over the rounds of
the two times of the same round, where neither was disturbed.
"""

import time
from statistics import median, quantiles

DISTURBED = 1.5
REST = 0.05  # seconds; the idle threads of a BLAS keep a core busy for about 0.03 before they sleep


def race(racers, rounds, rest=REST):
    """Run `rounds` undisturbed rounds (or twice as many in all, if it must be) of {name: function
    that runs one block and returns its time per step}: a list of {name: time}, one per round."""
    names, times = list(racers), []
    while len(times) < rounds or (len(times) < 2 * rounds and quiet_rounds(times) < rounds):
        first = len(times) % len(names)
        now = {}
        for name in names[first:] + names[:first]:
            time.sleep(rest)
            now[name] = racers[name]()
        times.append(now)
    return times


def quiet_rounds(times):
    """How many rounds had no disturbed block."""
    return sum(all(quiet) for quiet in zip(*(quiet_blocks(times, name) for name in times[0])))


def quiet_blocks(times, name):
    """For each round whether the block of `name` was undisturbed."""
    limit = DISTURBED * median(now[name] for now in times)
    return [now[name] <= limit for now in times]


def typical_time(times, name):
    """The median over the undisturbed rounds."""
    return median(now[name] for now, quiet in zip(times, quiet_blocks(times, name)) if quiet)


def paired_ratio(times, name, baseline):
    """(median, lower quartile, upper quartile) of time / baseline's time in the same round."""
    both = zip(quiet_blocks(times, name), quiet_blocks(times, baseline))
    kept = [now for now, quiet in zip(times, both) if all(quiet)] or times
    ratios = [now[name] / now[baseline] for now in kept]
    if len(ratios) == 1:
        return ratios[0], ratios[0], ratios[0]
    low, middle, high = quantiles(ratios, n=4, method="inclusive")
    return middle, low, high
