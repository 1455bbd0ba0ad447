"""Arrays as JAX programs store them, brought to torch's shapes."""

from torch import Tensor


def to_torch(name: str, tensor: Tensor) -> Tensor:
    """An array of an original ViT file, known by our `name`, in the shape that torch expects.

    Convolutions come as (rows, columns, in, out), linear layers as (in, out), query, key and value as
    (width, heads, depth), the output projection as (heads, depth, width), and norms with axes of length one.
    """
    if name.endswith("pos_embed"):
        return tensor
    if name.endswith(".bias") or ".norm" in name or ".root.1." in name or ".project.1." in name:
        return tensor.flatten()
    if tensor.ndim == 4:
        return tensor.permute(3, 2, 0, 1)
    if ".attn." not in name:
        return tensor.T
    return tensor.flatten(0, 1).T if ".attn.proj." in name else tensor.flatten(1).T
