"""What does it cost? Ratios taken in one run, beside something everybody knows. Figures: bench/README.md."""
