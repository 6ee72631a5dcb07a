"""The command's door: a name nobody else has, so that it is found whatever lies in the current folder."""
