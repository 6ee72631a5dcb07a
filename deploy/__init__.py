"""Wires rooms together: command line, local and cluster start, cluster and Grafana files."""
