"""Galera after a full stop: who holds the newest data, and how it comes back."""
