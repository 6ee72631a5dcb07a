"""What is printed: tables, pages, charts."""
