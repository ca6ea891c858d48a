"""Why meters owe something else than their customers owed: the causes of each difference, with their rows."""
