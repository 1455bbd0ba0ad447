from trimformer.report.formats import (
    blocks,
    compact,
    giga,
    interval,
    listed,
    number,
    p_value,
    percent,
    sentence,
    signed,
    signed_interval,
)


def test_numbers_and_sentences() -> None:
    assert (number(None), number(float("nan")), number(-0.5, 1)) == ("–", "–", "−0.5")
    assert (signed(0.0123), signed(-0.0123), signed(-0.0001)) == ("+0.012", "−0.012", "0.000")
    assert sentence("95 % of it") == "95\u00a0% of it."
    assert (sentence("no block passes"), sentence("Done."), sentence("")) == ("No block passes.", "Done.", "")


def test_counts_and_intervals() -> None:
    assert [compact(value) for value in (None, 0, 9_999, 519_936, 1_234_567)] == ["–", "0", "9,999", "0.52 M", "1.23 M"]
    assert [interval(value) for value in (None, (0.1, 0.25))] == ["", "0.100 – 0.250"]
    assert (percent(57.449), blocks(1), blocks(0)) == ("57.4 %", "1 block", "0 blocks")


def test_tests_and_costs() -> None:
    assert [p_value(value) for value in (None, 0.0004, 0.001, 1.0)] == ["–", "< 0.001", "0.001", "1.000"]
    assert [signed_interval(value) for value in (None, (-0.006, 0.002))] == ["", "−0.006 to +0.002"]
    assert [giga(value) for value in (None, 17_580_000_000, 9_000_000)] == ["–", "17.58 G", "9.00 M"]


def test_words_in_a_row() -> None:
    assert [listed(list(words)) for words in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
