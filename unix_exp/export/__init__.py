"""The command that writes a run's student in other formats."""
