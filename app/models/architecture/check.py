"""Does the architecture read from a configuration match the weight files? Pure."""

from app.models.architecture.architecture import Architecture

TOLERANCE = 0.02
PACKED = frozenset(("int4", "nvfp4", "mxfp4"))
"""Formats that pack several parameters into one stored value: their files count something else."""


def mismatch(architecture: Architecture, file_parameters: int | None) -> str:
    """What is wrong; ``""`` if the files' count is unknown, can't be compared, or agrees within 2%.

    Layers that only draft tokens may or may not be among the files: each counts as much as the model's last layer.
    """
    if not file_parameters or architecture.precision in PACKED:
        return ""
    counted = architecture.parameters
    drafts = architecture.draft_layers * _one_layer(architecture)
    if counted * (1 - TOLERANCE) <= file_parameters <= (counted + drafts) * (1 + TOLERANCE):
        return ""
    return (
        f"its configuration gives {counted / 1e9:.2f} billion parameters, its files hold {file_parameters / 1e9:.2f} "
        "billion, so its memory and speed are not estimated"
    )


def _one_layer(architecture: Architecture) -> int:
    mixer = architecture.mixers[-1].parameters if architecture.mixers else 0
    return mixer + (architecture.feed_forwards[-1].parameters if architecture.feed_forwards else 0)
