"""The DiCOS Site Builder: one description in, one verified site out."""
