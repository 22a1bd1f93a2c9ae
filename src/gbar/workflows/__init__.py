"""What gbar does for a user, one story a file: simulate, train, infer, inspect, demo."""
