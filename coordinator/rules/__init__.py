"""What may happen next, as functions over the state. Pure."""
