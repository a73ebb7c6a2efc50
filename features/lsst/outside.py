"""What LSST's features need from outside Cassandra."""

from features.declare import External, Record, Sky
from features.lsst.place import POSITION, position

EXTERNAL = (
    External("ebv", "float", Sky(position, tuple(POSITION.split()))),
    External("sherlock", "text", Record(("classification", "best_distance", "z", "photoZ"))),
)
