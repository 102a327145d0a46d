import numpy as np
import pytest

import minigrad as mg
from minitransformer import combine_masks, look_ahead_mask, padding_mask
from minitransformer.models.masks import real_positions


def test_padding_is_hidden_and_every_real_token_is_not():
    mask = padding_mask([[5, 6, 2], [7, 2, 0]], pad_id=0)
    np.testing.assert_array_equal(mask[:, 0, 0], [[True, True, True], [True, True, False]])


def test_a_padding_mask_is_boolean_and_fits_every_head_and_query():
    mask = padding_mask(np.ones((3, 5), int))
    assert mask.dtype == bool
    assert mask.shape == (3, 1, 1, 5)
    assert np.broadcast_shapes(mask.shape, (3, 4, 7, 5)) == (3, 4, 7, 5)


def test_another_id_may_stand_for_padding():
    assert padding_mask([[9, 0]], pad_id=9).tolist() == [[[[False, True]]]]


@pytest.mark.parametrize("tokens", [5, [1, 2], [[[1]]]])
def test_a_padding_mask_needs_a_batch_of_sentences(tokens):
    with pytest.raises(ValueError, match=r"padding_mask: tokens have shape .* \(batch, time\)"):
        padding_mask(tokens)


def test_a_position_sees_itself_and_all_before_it():
    mask = look_ahead_mask(4)
    assert mask.dtype == bool
    assert mask.shape == (1, 1, 4, 4)
    for query in range(4):
        for key in range(4):
            assert mask[0, 0, query, key] == (key <= query)


def test_the_product_of_two_masks_allows_what_both_allow():
    padding = padding_mask([[4, 5, 0]])
    both = combine_masks(padding, look_ahead_mask(3))
    assert both.shape == (1, 1, 3, 3)
    np.testing.assert_array_equal(both[0, 0], [[1, 0, 0], [1, 1, 0], [1, 1, 0]])


def test_no_mask_hides_nothing():
    mask = look_ahead_mask(2)
    assert combine_masks(mask, None) is mask
    assert combine_masks(None, mask) is mask
    assert combine_masks(None, None) is None


# What is real.

TOKENS = np.array([[4, 5, 2, 0], [4, 2, 0, 0], [2, 0, 0, 0]])
X = mg.Tensor(np.zeros((3, 4, 2)))


def test_the_mask_of_self_attention_says_which_positions_are_real():
    mask = padding_mask(TOKENS)
    np.testing.assert_array_equal(real_positions(mask, X), TOKENS != 0)
    both = combine_masks(mask, look_ahead_mask(4))
    np.testing.assert_array_equal(real_positions(both, X), TOKENS != 0)


def test_without_a_mask_or_without_padding_in_it_all_positions_are_real():
    assert real_positions(None, X) is None
    for mask in (look_ahead_mask(4), np.tri(4, dtype=bool)):
        np.testing.assert_array_equal(real_positions(mask, X), np.ones((1, 4), bool))


def test_of_what_was_cached_and_is_new_the_new_is_x():
    mask = padding_mask(TOKENS)
    np.testing.assert_array_equal(real_positions(mask, X[:, 2:]), TOKENS[:, 2:] != 0)
