"""What does each word of the command line do? One module per word of console/cli.py's table, imported when it is used.

Each module has an `app`. A command reads its arguments, runs one small async function, and shows what that returned.
"""
