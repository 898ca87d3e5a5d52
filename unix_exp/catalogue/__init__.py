"""Every method that can be chosen: its paper, its settings, what it needs and what it costs, found by trying it."""
