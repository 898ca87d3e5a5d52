"""The command about stored answers."""
