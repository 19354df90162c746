"""From a parser's verdict to a score."""
