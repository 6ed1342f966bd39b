"""Programs that are sent to a host and run there; each stands alone on the standard library."""
