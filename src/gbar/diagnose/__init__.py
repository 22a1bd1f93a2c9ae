"""What can be said of an estimate: how far it was narrowed, and whether its cells do what the recorded cell did."""
