"""Filling Cassandra's ``candidates`` with light curves, by SSTables that the node imports."""
