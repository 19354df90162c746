"""Scripts that rebuild the small demo models from public data, one script a model."""
