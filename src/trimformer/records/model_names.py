"""Names of our own networks, and how a name is read."""

HYBRIDS = ("transunet", "cats", "unetr")
"""The networks whose transformer blocks can be counted and cut."""

OWN_NETWORKS = (*HYBRIDS, "unet")


def plain_name(name: str) -> str:
    """A name without case and underscores: in that form names are compared.

    Example:
        >>> plain_name("Attention_UNet")
        'attentionunet'
    """
    return name.lower().replace("_", "")
