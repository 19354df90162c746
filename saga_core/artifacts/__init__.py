"""What a stage leaves behind: its address, its record, and the store that holds both."""
