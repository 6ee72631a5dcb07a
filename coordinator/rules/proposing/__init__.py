"""Rules of proposals: whose turn it is, what a brief tells, what is taken. Pure."""
