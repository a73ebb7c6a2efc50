"""``farm report``: a run as one HTML page that needs nothing else.

``facts`` reads the run's folder, ``sheet`` and ``features`` reckon, ``render`` writes. What stands beside these modules
as page.html.j2, page.css and page.js is put into the page.
"""
