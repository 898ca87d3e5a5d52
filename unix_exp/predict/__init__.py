"""The command that says what is on images."""
