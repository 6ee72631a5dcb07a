"""The Grafana dashboard, as code and as files."""
