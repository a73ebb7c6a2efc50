"""Small programs that roles run on the control node. Each prints one JSON object and takes ``--check``."""
