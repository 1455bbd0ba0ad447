import torch

from trimformer.attention.measures.geometry import Region, covering_tokens, token_distances


def test_distances_follow_rows_and_columns_of_different_size() -> None:
    distances = token_distances((2, 2), (3.0, 4.0))
    assert distances.tolist() == [[0, 4, 3, 5], [4, 0, 5, 3], [3, 5, 0, 4], [5, 3, 4, 0]]


def test_a_token_counts_when_one_pixel_of_it_is_marked() -> None:
    pixels = torch.zeros(1, 8, 8, dtype=torch.bool)
    pixels[0, 3, 4] = True  # rows 0-3, columns 4-7: the second token
    assert covering_tokens(pixels, 4).tolist() == [[False, True, False, False]]


def test_far_is_beyond_the_median_of_the_regions_own_tokens() -> None:
    tokens = torch.zeros(1, 16, dtype=torch.bool)
    tokens[0, :9] = True
    distances = token_distances((1, 16), (1.0, 1.0))
    region = Region.of(tokens, distances, distances)
    # From token 0 the others lie at 1..8; the median is 4.5.
    assert region.far[0, 0].nonzero()[:, 0].tolist() == [5, 6, 7, 8]
    assert region.num_tokens.tolist() == [9]


def test_the_mean_over_queries_passes_over_other_tokens_and_missing_values() -> None:
    tokens = torch.zeros(1, 16, dtype=torch.bool)
    tokens[0, :8] = True
    distances = token_distances((4, 4), (1.0, 1.0))
    values = torch.arange(16.0)[None, None]
    values[..., 0] = torch.nan
    assert Region.of(tokens, distances, distances).mean_over_queries(values).tolist() == [[4.0]]
