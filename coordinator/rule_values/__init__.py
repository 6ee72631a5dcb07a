"""What the rules of a campaign are set to: values of its journal, chosen when it starts."""
