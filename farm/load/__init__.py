"""From the parts of a run to table ``objects`` in Galera: what ``csv_to_database`` does, on the loader.

``check`` reads the parts, ``merge`` stages and merges them, ``verify`` reads the table back from another node;
``columns`` and ``sql`` are what these have in common. It needs numpy and mysql-connector-python, and no SSH.
"""
