"""Language models asked through litellm, and what they answer read: texts, usage, prices, refusals."""
