"""What can a program ask of the console? The admin REST API. One module for each kind of thing; the table of
them all is console/api/routes.py."""
