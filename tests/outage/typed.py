"""`consent-relay`, as a module: to be run by the simulated clock."""

from console.cli import main

if __name__ == "__main__":
    main()
