"""How we learn: HTTP in. Public, without privileges: it can add to the ledger and read the registry, nothing else."""
