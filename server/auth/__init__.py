"""Who is calling: tokens, keys and revoked access."""
