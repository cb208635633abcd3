"""What did the operator decide? Settings and logging: the only readers of environment and files."""
