"""Typed configuration: schema, loader, the shipped YAML files and the research charters."""
