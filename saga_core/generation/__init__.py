"""Sampling continuations from a causal language model."""
