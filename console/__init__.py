"""How is it watched and steered? The admin API, the dashboard, the command line, and what starts the processes."""
