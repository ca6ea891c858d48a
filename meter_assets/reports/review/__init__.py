"""The payments that wait for a person's decision, with suggestions learned from the tenant's other payments."""
