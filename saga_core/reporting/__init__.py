"""What a person reads: tables, plots, the model card."""
