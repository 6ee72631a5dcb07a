"""What is on the disk: journal, repository, and the files beside them."""
