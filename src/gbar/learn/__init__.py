"""Networks that find the way back from voltage to parameters: the only home of torch and sbi."""
