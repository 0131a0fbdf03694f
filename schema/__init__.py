"""What is published: Strawberry types, inputs, payloads and the three roots. Translates, decides nothing."""

# First, because Strawberry makes an enum of its own, without descriptions, of one that a type names earlier.
import schema.types.enums  # noqa: F401
