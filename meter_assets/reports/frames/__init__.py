"""The tables of `meter_assets.frames`: what their columns are, and their rows in chunks."""
