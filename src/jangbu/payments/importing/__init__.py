"""An existing payments table, taken over with its history."""
