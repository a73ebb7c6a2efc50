"""What loading a run would change: ``compare`` reads run and table, ``tally`` counts, ``gates`` judges.

``result`` is what they hand on, as JSON and for a person. Everything but ``compare`` is pure.
"""
