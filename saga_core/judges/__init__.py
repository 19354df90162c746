"""Parsers that judge text."""
