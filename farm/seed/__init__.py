"""Filling Cassandra's tables with light curves, by SSTables that the node imports."""
