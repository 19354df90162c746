"""KL-SFT, DPO and the adapters they make."""
