from trimformer.records.words import some_of


def test_of_many_names_the_first_are_told_and_the_rest_counted() -> None:
    assert some_of(["a"]) == "a"
    assert some_of(["a", "b", "c"]) == "a, b, c"
    assert some_of(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
