"""One call at a time: what agents, people and time may ask of a campaign."""
