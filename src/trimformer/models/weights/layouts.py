"""The ways in which weights are named where they circulate, and our name for every one of them.

A rule is a pair of templates, their key and our name, with the same fields in braces; it is read in both directions.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from trimformer.models.weights.flax import to_torch

Rule = tuple[str, str]

FIELDS: dict[str, dict[str, str] | str] = {
    "any": r".+",
    "block": r"\d+",
    "index": r"[1-3]",
    "kind": r"weight|bias|running_mean|running_var|num_batches_tracked",
    "kernel": {"kernel": "weight", "bias": "bias"},
    "scale": {"scale": "weight", "bias": "bias"},
    "projection": r"query|key|value",
    "zero": r"\d",
    "stage": {str(count): str(count - 1) for count in range(1, 10)},
    "unit": {str(count): str(count - 1) for count in range(1, 10)},
}
"""What a field may hold: a pattern where both sides are spelt alike, otherwise our spelling by theirs."""


@dataclass(frozen=True)
class Layout:
    """One way of naming weights."""

    name: str
    marker: str
    """At least one key of every file in this layout begins with this pattern."""
    rules: tuple[Rule, ...]
    prefix: str = ""
    """What may stand before every key of the ViT, when it was saved inside a larger program's model."""
    unused: str = r"(?!)"
    """Keys that no segmentation model has a use for: class tokens, classifiers."""
    convert: Callable[[str, Tensor], Tensor] = lambda _, tensor: tensor
    """From our name and a tensor of the file to the tensor as torch has it."""
    is_whole_model: bool = False
    """The file holds decoder and head too, not only what was pretrained."""

    def name_of(self, key: str) -> str | None:
        """Our name for one of their keys, None where no rule knows it."""
        key = re.sub(f"^(?:{self.prefix})", "", key)
        return next((name for theirs, ours in self.rules if (name := _rewrite(key, theirs, ours, False))), None)

    def key_of(self, name: str) -> str | None:
        """Their key for one of our names, None where no rule knows it."""
        return next((key for theirs, ours in self.rules if (key := _rewrite(name, ours, theirs, True))), None)


def _rewrite(text: str, source: str, target: str, to_theirs: bool) -> str | None:
    match = _pattern(source, to_theirs).fullmatch(text)
    if match is None:
        return None
    return target.format(**{name: _respell(name, value, to_theirs) for name, value in match.groupdict().items()})


@cache
def _pattern(template: str, of_ours: bool) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    literals, fields = parts[::2], parts[1::2]
    patterns = [f"(?P<{name}>{_alternatives(name, of_ours)})" for name in fields]
    return re.compile("".join(re.escape(a) + b for a, b in zip(literals, [*patterns, ""], strict=True)))


def _alternatives(name: str, of_ours: bool) -> str:
    field = FIELDS[name]
    if isinstance(field, str):
        return field
    return "|".join(field.values() if of_ours else field)


def _respell(name: str, value: str, to_theirs: bool) -> str:
    field = FIELDS[name]
    if isinstance(field, str):
        return value
    return next(theirs for theirs, ours in field.items() if ours == value) if to_theirs else field[value]


BLOCK = "transformer.blocks.{block}."
UNIT = "trunk.stages.{stage}.{unit}."
"""A bottleneck unit, where the file counts from 1 and we from 0."""
ZERO_UNIT = "trunk.stages.{zero}.{block}."
"""A bottleneck unit, where the file counts from 0 as well."""

TIMM = Layout(
    name="timm's ViT",
    marker=r"patch_embed\.proj\.",
    rules=(
        ("pos_embed", "transformer.pos_embed"),
        ("patch_embed.proj.{kind}", "transformer.patch_embed.proj.{kind}"),
        ("norm.{kind}", "transformer.norm.{kind}"),
        ("blocks.{block}.norm1.{kind}", BLOCK + "norm1.{kind}"),
        ("blocks.{block}.norm2.{kind}", BLOCK + "norm2.{kind}"),
        ("blocks.{block}.attn.qkv.{kind}", BLOCK + "attn.qkv.{kind}"),
        ("blocks.{block}.attn.proj.{kind}", BLOCK + "attn.proj.{kind}"),
        ("blocks.{block}.mlp.fc{index}.{kind}", BLOCK + "mlp.fc{index}.{kind}"),
        ("blocks.{block}.ls{index}.gamma", BLOCK + "ls{index}.gamma"),
        ("patch_embed.backbone.stem.conv.{kind}", "trunk.root.0.{kind}"),
        ("patch_embed.backbone.stem.norm.{kind}", "trunk.root.1.{kind}"),
        ("patch_embed.backbone.stages.{zero}.blocks.{block}.conv{index}.{kind}", ZERO_UNIT + "conv{index}.{kind}"),
        ("patch_embed.backbone.stages.{zero}.blocks.{block}.norm{index}.{kind}", ZERO_UNIT + "norm{index}.{kind}"),
        ("patch_embed.backbone.stages.{zero}.blocks.{block}.downsample.conv.{kind}", ZERO_UNIT + "project.0.{kind}"),
        ("patch_embed.backbone.stages.{zero}.blocks.{block}.downsample.norm.{kind}", ZERO_UNIT + "project.1.{kind}"),
    ),
    unused=r"(cls|dist|reg|mask)_token|register_tokens|(head|head_dist|fc_norm|pre_logits|attn_pool|decoder\w*)(\..*)?",
)

HUGGING_FACE = Layout(
    name="Hugging Face's ViT",
    # A run of somebody's own network holds it as `network`: that is our layout, whatever the network is.
    marker=r"(?!network\.)(\w+\.)?embeddings\.patch_embeddings\.projection\.",
    prefix=r"(vit|deit|dinov2)\.",
    rules=(
        ("embeddings.position_embeddings", "transformer.pos_embed"),
        ("embeddings.patch_embeddings.projection.{kind}", "transformer.patch_embed.proj.{kind}"),
        ("layernorm.{kind}", "transformer.norm.{kind}"),
        ("encoder.layer.{block}.attention.attention.{projection}.{kind}", BLOCK + "attn.{projection}.{kind}"),
        ("encoder.layer.{block}.attention.output.dense.{kind}", BLOCK + "attn.proj.{kind}"),
        ("encoder.layer.{block}.layernorm_before.{kind}", BLOCK + "norm1.{kind}"),
        ("encoder.layer.{block}.layernorm_after.{kind}", BLOCK + "norm2.{kind}"),
        ("encoder.layer.{block}.intermediate.dense.{kind}", BLOCK + "mlp.fc1.{kind}"),
        ("encoder.layer.{block}.output.dense.{kind}", BLOCK + "mlp.fc2.{kind}"),
        # DINOv2 has names of its own for the same layers.
        ("encoder.layer.{block}.norm{index}.{kind}", BLOCK + "norm{index}.{kind}"),
        ("encoder.layer.{block}.mlp.fc{index}.{kind}", BLOCK + "mlp.fc{index}.{kind}"),
        ("encoder.layer.{block}.layer_scale{index}.lambda1", BLOCK + "ls{index}.gamma"),
    ),
    unused=r"(\w+\.)?(embeddings\.(\w+_token|register_tokens)|pooler\..*)|\w*classifier\..*",
)

ORIGINAL = Layout(
    name="the original ViT (npz)",
    marker=r"Transformer/",
    rules=(
        ("embedding/{kernel}", "transformer.patch_embed.proj.{kernel}"),
        ("Transformer/posembed_input/pos_embedding", "transformer.pos_embed"),
        ("Transformer/encoder_norm/{scale}", "transformer.norm.{scale}"),
        ("Transformer/encoderblock_{block}/LayerNorm_0/{scale}", BLOCK + "norm1.{scale}"),
        ("Transformer/encoderblock_{block}/LayerNorm_2/{scale}", BLOCK + "norm2.{scale}"),
        ("Transformer/encoderblock_{block}/MlpBlock_3/Dense_0/{kernel}", BLOCK + "mlp.fc1.{kernel}"),
        ("Transformer/encoderblock_{block}/MlpBlock_3/Dense_1/{kernel}", BLOCK + "mlp.fc2.{kernel}"),
        (
            "Transformer/encoderblock_{block}/MultiHeadDotProductAttention_1/{projection}/{kernel}",
            BLOCK + "attn.{projection}.{kernel}",
        ),
        (
            "Transformer/encoderblock_{block}/MultiHeadDotProductAttention_1/out/{kernel}",
            BLOCK + "attn.proj.{kernel}",
        ),
        ("conv_root/{kernel}", "trunk.root.0.{kernel}"),
        ("gn_root/{scale}", "trunk.root.1.{scale}"),
        ("block{stage}/unit{unit}/conv{index}/{kernel}", UNIT + "conv{index}.{kernel}"),
        ("block{stage}/unit{unit}/gn{index}/{scale}", UNIT + "norm{index}.{scale}"),
        ("block{stage}/unit{unit}/conv_proj/{kernel}", UNIT + "project.0.{kernel}"),
        ("block{stage}/unit{unit}/gn_proj/{scale}", UNIT + "project.1.{scale}"),
    ),
    unused=r"cls|(head|pre_logits)/.*",
    convert=to_torch,
)

_HYBRID = "transformer.embeddings.hybrid_model."
_LAYER = "transformer.encoder.layer.{block}."

TRANSUNET = Layout(
    name="the official TransUNet",
    marker=r"transformer\.embeddings\.",
    rules=(
        ("transformer.embeddings.position_embeddings", "transformer.pos_embed"),
        ("transformer.embeddings.patch_embeddings.{kind}", "transformer.patch_embed.proj.{kind}"),
        ("transformer.encoder.encoder_norm.{kind}", "transformer.norm.{kind}"),
        (_LAYER + "attention_norm.{kind}", BLOCK + "norm1.{kind}"),
        (_LAYER + "ffn_norm.{kind}", BLOCK + "norm2.{kind}"),
        (_LAYER + "attn.{projection}.{kind}", BLOCK + "attn.{projection}.{kind}"),
        (_LAYER + "attn.out.{kind}", BLOCK + "attn.proj.{kind}"),
        (_LAYER + "ffn.fc{index}.{kind}", BLOCK + "mlp.fc{index}.{kind}"),
        (_HYBRID + "root.conv.{kind}", "trunk.root.0.{kind}"),
        (_HYBRID + "root.gn.{kind}", "trunk.root.1.{kind}"),
        (_HYBRID + "body.block{stage}.unit{unit}.conv{index}.{kind}", UNIT + "conv{index}.{kind}"),
        (_HYBRID + "body.block{stage}.unit{unit}.gn{index}.{kind}", UNIT + "norm{index}.{kind}"),
        (_HYBRID + "body.block{stage}.unit{unit}.downsample.{kind}", UNIT + "project.0.{kind}"),
        (_HYBRID + "body.block{stage}.unit{unit}.gn_proj.{kind}", UNIT + "project.1.{kind}"),
        ("decoder.conv_more.{zero}.{kind}", "decoder.first.{zero}.{kind}"),
        ("decoder.blocks.{block}.conv{unit}.{zero}.{kind}", "decoder.steps.{block}.{unit}.{zero}.{kind}"),
        ("segmentation_head.0.{kind}", "head.{kind}"),
    ),
    unused=r"transformer\.embeddings\.cls_token",
    is_whole_model=True,
)

OWN = Layout(name="Trimformer", marker="", rules=(("{any}", "{any}"),), is_whole_model=True)

LAYOUTS = (ORIGINAL, TRANSUNET, HUGGING_FACE, TIMM, OWN)
"""In the order in which a file is held against them; the last takes every other file, under our own names."""
