"""What is true about consent: the model, the rules, and the ledger that keeps both."""
