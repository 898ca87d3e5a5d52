"""The teacher's answers, stored once for a few views of every image."""
