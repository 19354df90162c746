"""A run's report as one HTML page that needs no network: facts, drawings, and a view for each section."""
