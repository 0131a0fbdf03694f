"""Changes of pipelines and their stages."""
