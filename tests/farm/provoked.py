"""What each test of farm doctor on the lab provokes; together it is everything that the doctor looks for."""

from typing import Any

from farm.doctor.finding import Kind

PROVOKED = {
    "test_hosts_in_trouble_are_found_each_with_what_to_do": {
        Kind.HOST_KEY, Kind.SLOW_LOGIN, Kind.NOISY_LOGIN, Kind.CLOCK, Kind.OTHER_SCHEMA, Kind.RELEASES_DISAGREE,
        Kind.DISK, Kind.INODES, Kind.MEMORY, Kind.SESSIONS, Kind.SETTINGS_OPEN, Kind.SLOTS_TAKEN, Kind.CASSANDRA_ROUTE,
        Kind.CASSANDRA_VERSIONS, Kind.CASSANDRA_NODE, Kind.CASSANDRA_SCHEMA, Kind.NO_CERTIFICATE, Kind.RELEASE_ROOM,
        Kind.SLOW_CONNECTION, Kind.NO_SHARED_FOLDER, Kind.OTHER_SHARED_FOLDER, Kind.SHARED_FOLDER_SHUT,
    },
    "test_databases_and_a_head_in_trouble_are_found": {
        Kind.LOGIN, Kind.NO_SETTINGS, Kind.FILE_OPEN, Kind.OPTION_FILE, Kind.STALE_OPTION_FILE, Kind.ROOM,
        Kind.HEAD_INODES, Kind.CERTIFICATE_ENDS, Kind.KEY_CHANGE, Kind.UPGRADE, Kind.OTHER_RUN, Kind.NODE,
        Kind.NO_QUORUM, Kind.NOT_SYNCED, Kind.NODES_MISSING, Kind.GALERA_VERSIONS, Kind.ACCOUNT, Kind.NO_LOCAL_INFILE,
        Kind.READ_ONLY, Kind.CONNECTIONS, Kind.SCHEMA, Kind.LOADING, Kind.LOADER_DIED,
    },
    "test_a_loader_of_its_own_is_visited_and_tables_of_another_make_are_found": {
        Kind.NO_RELEASE, Kind.WORK_FOLDER, Kind.SETTINGS_UNREADABLE, Kind.NO_SETTINGS, Kind.CASSANDRA_ROUTE,
        Kind.GALERA_ROUTE, Kind.DISK, Kind.FOLDER_OPEN, Kind.NO_AUTHORITY, Kind.UNDECLARED, Kind.NO_LOCK_TABLE,
    },
    "test_nodes_of_two_clusters_and_an_authority_that_signed_none_are_found": {
        Kind.CLUSTERS, Kind.NO_TABLE, Kind.PRIMARY_KEY, Kind.NO_FOLDER, Kind.NODE, Kind.NO_KEY, Kind.LOGIN,
    },
}  # fmt: skip
"""Kinds of findings by test, all of them in tests/farm/test_doctor_lab.py."""


def require_provoked(test: str, *said: dict[str, Any]) -> None:
    """Everything that the test is to provoke was found."""
    found = {each["kind"] for one in said for row in one["checks"] for each in row["findings"]}
    assert not PROVOKED[test] - found, f"not found: {sorted(PROVOKED[test] - found)}"
