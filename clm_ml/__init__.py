"""Customer lifecycle management: who is slipping away, what they are worth, and whom to contact first."""
