from made_export import made_carried

from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.export.model_card import model_card


def test_a_card_says_what_a_stranger_asks() -> None:
    told = Preprocessing(224, 1, clip=(-125.0, 275.0), crop=192, spacing_mm=(1.0, 1.0, 3.0))
    card = model_card(made_carried(preprocessing=told, orientations=("LAS", "RAS")), "Run it.")
    for words in (
        "# made\n\nFor research. Not for diagnosis.",
        "## Use\n\nRun it.",
        "| 1 | bright | 0.750 |",
        "left as they lie in LAS, RAS, any other turned to LAS, clipped to -125 to 275",
        "along axis 1, the middle 192 x 192 pixels of each slice kept, resized bilinearly to 224 x 224",
        "1 x 1 x 3 mm, whatever files say",
        "unetr with 1 transformer block and the full decoder",
        "pretrained, from ViT-B\\_16.npz (SHA-256 aaaa",
        "Mean Dice 0.800 (95 % interval 0.700 to 0.900) on 4 patients (validation)",
        "about 0 to 900",
        "Apache-2.0",
    ):
        assert words in card


def test_a_card_of_a_run_that_nobody_evaluated_says_so() -> None:
    card = model_card(made_carried(reported=None, intensities=None), "Run it.")
    assert "Nobody has evaluated it" in card
    assert "| 1 | bright | unknown |" in card
    assert "intensities" not in card


def test_names_are_no_markup() -> None:
    card = model_card(made_carried(name="a\n# b", labels={1: "<script>|x"}), "Run it.")
    assert card.startswith("# a \\# b\n")
    assert "| 1 | \\<script\\>\\|x | unknown |" in card
