"""The page that a finance person signs, and the proof that nobody has changed it."""
