"""What does a person see of the console? The dashboard: pages made here, no build step, nothing from elsewhere.

routes.py has the table of all pages; each module with a page's name answers for that page.
"""
