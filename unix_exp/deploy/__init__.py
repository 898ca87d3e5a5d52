"""Finished runs in use: their networks and exported files, asked about images; the model card."""
