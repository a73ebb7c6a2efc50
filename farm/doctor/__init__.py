"""``farm doctor``: all that could make the next run fail, looked at from the head, and nothing changed anywhere.

``examine`` asks everybody at once; ``hosts``, ``shared``, ``nodes`` and ``head`` gather what is there, ``of_hosts``,
``of_cassandra`` and ``of_galera`` judge it (pure), ``show`` prints.
"""
