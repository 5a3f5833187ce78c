"""What there is to know of the optimizers that need no rate or no schedule, as text: importing it imports no torch."""
