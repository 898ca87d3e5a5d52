"""Questions that are asked of a finished run; each probe is one file."""
