"""What may the account's own systems ask? The documented APIs and ours. One module (or folder) each; the table of their
routes is receiver/apis/routes.py."""
