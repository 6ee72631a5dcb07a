"""What an agent asks for the next idea."""
