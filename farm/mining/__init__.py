"""``farm mine``: one function of an astronomer's over all the light curves, and a dataset of what it yields."""
