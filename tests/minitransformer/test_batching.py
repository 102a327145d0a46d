import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitransformer.text.batching import (
    make_batch,
    padded,
    shuffled_batches,
    shuffled_order,
    source_rows,
)
from minitransformer.text.specials import END, PAD, START

few = settings(max_examples=40)
sentences = st.lists(st.integers(4, 9), max_size=6)
pairs_of_ids = st.lists(st.tuples(sentences, sentences), min_size=1, max_size=40)


def rng(seed=0):
    return np.random.default_rng(seed)


def numbered_pairs(count, longest=20, seed=0):
    """Pairs of many lengths; the first id of a source is the number of its pair."""
    lengths = rng(seed).integers(1, longest, (count, 2))
    return [([100 + i] + [4] * a, [5] * b) for i, (a, b) in enumerate(lengths)]


def test_rows_are_padded_after_their_end():
    np.testing.assert_array_equal(padded([[7, 8, 9], [], [7]]), [[7, 8, 9], [0, 0, 0], [7, 0, 0]])


def test_a_source_ends_with_the_end_token():
    rows = source_rows([[7, 8], [9]])
    np.testing.assert_array_equal(rows, [[7, 8, END], [9, END, PAD]])


def test_the_decoder_is_given_the_target_shifted_right_by_one():
    batch = make_batch([([4], [7, 8]), ([5, 6], [9])])
    np.testing.assert_array_equal(batch.src, [[4, END, PAD], [5, 6, END]])
    np.testing.assert_array_equal(batch.tgt_in, [[START, 7, 8], [START, 9, PAD]])
    np.testing.assert_array_equal(batch.tgt_out, [[7, 8, END], [9, END, PAD]])


@few
@given(pairs_of_ids)
def test_at_each_position_the_next_token_is_asked_for(pairs):
    batch = make_batch(pairs)
    assert batch.tgt_in.shape == batch.tgt_out.shape
    for (source, target), src, tgt_in, tgt_out in zip(
        pairs, batch.src.tolist(), batch.tgt_in.tolist(), batch.tgt_out.tolist()
    ):
        n = len(target)
        assert tgt_in[0] == START
        assert tgt_in[1 : n + 1] == tgt_out[:n] == target
        assert tgt_out[n] == END
        assert set(tgt_in[n + 1 :]) | set(tgt_out[n + 1 :]) <= {PAD}
        assert src[: len(source) + 1] == [*source, END]
        assert set(src[len(source) + 1 :]) <= {PAD}


@few
@given(pairs_of_ids)
def test_no_batch_is_wider_than_its_longest_sentence(pairs):
    batch = make_batch(pairs)
    assert batch.src.shape == (len(pairs), max(len(source) for source, _ in pairs) + 1)
    assert batch.tgt_in.shape == (len(pairs), max(len(target) for _, target in pairs) + 1)


@few
@given(pairs_of_ids)
def test_the_tokens_that_count_are_those_of_the_targets_and_their_ends(pairs):
    assert make_batch(pairs).num_tokens == sum(len(target) + 1 for _, target in pairs)


@pytest.mark.parametrize("count, batch_size", [(1, 4), (7, 4), (8, 4), (700, 3), (5, 100)])
def test_one_pass_has_every_example_exactly_once(count, batch_size):
    batches = list(shuffled_batches(numbered_pairs(count), batch_size, rng()))
    seen = [number for batch in batches for number in batch.src[:, 0].tolist()]
    assert sorted(seen) == list(range(100, 100 + count))
    assert len(batches) == -(-count // batch_size)
    assert all(len(batch.src) <= batch_size for batch in batches)


def test_source_and_target_of_a_pair_stay_together():
    pairs = numbered_pairs(200)
    for batch in shuffled_batches(pairs, 8, rng()):
        for src, tgt_out in zip(batch.src, batch.tgt_out):
            source, target = pairs[src[0] - 100]
            assert src[src != PAD].tolist() == [*source, END]
            assert tgt_out[tgt_out != PAD].tolist() == [*target, END]


def test_a_batch_holds_sentences_of_similar_length():
    lengths = rng().integers(1, 20, 3000)
    pairs = [([4] * n, [5] * n) for n in lengths]
    unsorted = [make_batch(pairs[i : i + 16]) for i in range(0, len(pairs), 16)]

    def padding(batches):
        return np.mean([(batch.src == PAD).mean() for batch in batches])

    assert padding(unsorted) > 0.4
    assert padding(shuffled_batches(pairs, 16, rng())) < 0.05


def test_short_and_long_batches_come_in_no_order():
    widths = [batch.src.shape[1] for batch in shuffled_batches(numbered_pairs(2000), 16, rng())]
    assert abs(np.corrcoef(widths, np.arange(len(widths)))[0, 1]) < 0.3


def test_the_same_seed_gives_the_same_batches_and_each_pass_is_another():
    def order(generator):
        batches = shuffled_batches(numbered_pairs(100), 8, generator)
        return [batch.src[:, 0].tolist() for batch in batches]

    assert order(rng(1)) == order(rng(1))
    assert order(rng(1)) != order(rng(2))
    generator = rng(1)
    assert order(generator) != order(generator)


@few
@given(pairs_of_ids, st.integers(1, 40))
def test_a_batch_by_tokens_has_no_more_of_them_on_either_side_and_all_examples_once(pairs, most):
    batches = shuffled_order(pairs, 4, rng(), pool=2, batch_tokens=most)
    assert sorted(i for members in batches for i in members) == list(range(len(pairs)))
    for members in batches:
        batch = make_batch([pairs[i] for i in members])
        assert max(batch.src.size, batch.tgt_in.size) <= most or len(members) == 1


def test_batches_by_tokens_are_as_full_as_they_can_be():
    pairs = [([4] * n, [5]) for n in range(1, 33)]
    batches = shuffled_order(pairs, 32, rng(), batch_tokens=66)
    assert sorted(map(len, batches))[-1] == 7  # of up to 8 tokens with their ends
    assert max(batches, key=len) == [0, 1, 2, 3, 4, 5, 6]
