"""Rules of heads: what is better, what moves the trunk and the best, and what is put on them. Pure."""
