"""SAGA: align a language model to the grammar of a small language, with a parser as the reward."""

__version__ = "0.1.0"
