"""Reading scores: the rules of a pipeline, and what they give to a lead."""
