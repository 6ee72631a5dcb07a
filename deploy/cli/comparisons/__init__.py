"""A claim put to the test: fresh runs of a program beside what it is compared with, and their record."""
