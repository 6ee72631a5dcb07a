"""Programs that are written beside what was imported: they measure as its form does. Never imported."""
