"""Text of the language: sources, cleaning, sentences, splits."""
