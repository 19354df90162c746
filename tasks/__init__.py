"""One file a stage, all of one shape: its slice of the recipe, its inputs, its output, its ``VERSION``."""
