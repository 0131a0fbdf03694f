"""The migrations, each a step that is never changed once it is released."""
