"""The published schema: Strawberry types, inputs, payloads and the three root types. Translates, decides nothing."""

# This comes first, because Strawberry would otherwise create an enum of its own, without descriptions, for one that a
# type names earlier.
import schema.types.enums  # noqa: F401
