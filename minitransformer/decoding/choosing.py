"""Which way to decode is meant, by the settings that are given."""

from collections.abc import Callable

import numpy as np

from ..models.seq2seq import Seq2Seq
from .beam import LENGTH_PENALTY, BeamSettings, search
from .greedy import greedy_decode
from .sampling import SamplingSettings, sample

Decode = Callable[[Seq2Seq, np.ndarray], list[list[int]]]  # of source ids (B, S): an id list each


def decoder(
    beam: int | None = None,
    length_penalty: float | None = None,
    rng: np.random.Generator | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Decode:
    """Beam search where a width is given (`beam`), sampling where a generator is (`rng`), otherwise
    greedy decoding. Raises ValueError for settings that make no sense, or belong to another way."""
    of_sampling = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    of_sampling = {name: value for name, value in of_sampling.items() if value is not None}
    if beam is not None and rng is not None:
        raise ValueError(
            "beam and sample exclude each other: a beam search finds what is most probable, a "
            "sample is drawn by chance"
        )
    if length_penalty is not None and beam is None:
        raise ValueError("length_penalty belongs to a beam search: give the width of a beam too")
    if of_sampling and rng is None:
        name = next(iter(of_sampling))
        raise ValueError(f"{name} belongs to sampling: give sample, a generator, too")
    if beam is not None:
        penalty = LENGTH_PENALTY if length_penalty is None else length_penalty
        settings = BeamSettings(beam, penalty)
        return lambda model, src: [b.hypotheses()[0].ids for b in search(model, src, settings)]
    if rng is not None:
        SamplingSettings(**of_sampling)  # complains at once
        return lambda model, src: sample(model, src, rng, **of_sampling)
    return greedy_decode
