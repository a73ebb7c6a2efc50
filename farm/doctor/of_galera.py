"""What Galera's answers mean for a run and its load. Pure."""

from collections.abc import Iterator, Sequence

from farm.doctor import advice
from farm.doctor.finding import Check, Kind, check, error, warning
from farm.doctor.hosts import Visit, of_role
from farm.doctor.nodes import NodeSaid
from farm.errors import SchemaError
from farm.galera import Account
from farm.inventory import Inventory
from farm.load.lock import STALE_SECONDS
from farm.loading import OPTION_FILE
from farm.schema.plan import plan
from features.declare import Survey

_GALERA, _TABLE = "galera", "table"
_NONE = "no node answers"
_UNSEEN = "no node that is well described the table"
_BUSY = 0.9
"""Share of a node's connections that may be taken."""


def checks(
    inventory: Inventory,
    survey: Survey,
    nodes: Sequence[NodeSaid],
    visits: Sequence[Visit],
    tried: Sequence[Account],
    refused: Sequence[tuple[Account, str]],
) -> Iterator[Check]:
    """``tried``: the accounts that were asked to log in, and ``refused`` of these."""
    yield _loaders_route(visits)
    yield _reached(nodes)
    yield _cluster(nodes, advice.provision(inventory))
    yield _versions(nodes)
    yield _accounts(inventory, tried, refused)
    yield _takes_loads(nodes)
    yield _schema(inventory, survey, nodes)
    yield _loaders(inventory, nodes)


def _loaders_route(visits: Sequence[Visit]) -> Check:
    """Of a loader that is not the head; the head's own way is the nodes' check."""
    loaders = [each for each in visits if "loader" in each.roles]
    if not loaders:
        return check(_GALERA, "loader", "the head loads, and asks the nodes itself")
    tried = [each for each in of_role(visits, "loader") if each.loads]
    todo = f"sudo -u farm /opt/farm/current/bin/csv_to_database --check --option-file {OPTION_FILE} there"
    findings = []
    for each in tried:
        nodes = each.loads.said["nodes"] if each.loads and each.loads.said else {}
        shut = {address: why for address, why in nodes.items() if why}
        if each.loads and each.loads.error:
            findings.append(error(Kind.GALERA_ROUTE, each.name, each.loads.error, todo))
        elif shut:
            what = f"{len(shut)} of {len(nodes)} nodes cannot be used from there: {'; '.join(shut.values())}"
            grade = warning if 2 * len(shut) < len(nodes) else error
            findings.append(grade(Kind.GALERA_ROUTE, each.name, what, f"{todo}; a firewall between them?"))
    said = f"{len(tried) - len(findings)} of {len(loaders)} loaders beside the head reach it"
    return check(_GALERA, "loader", said, findings, unasked="" if tried else "the loader could not try its way")


def _reached(nodes: Sequence[NodeSaid]) -> Check:
    quorum = 2 * sum(node.error is None for node in nodes) > len(nodes)
    grade = warning if quorum else error
    findings = [
        grade(
            Kind.NODE, node.address, str(node.error), "systemctl status mariadb there; a load needs most of the nodes"
        )
        for node in nodes
        if node.error
    ]
    said = f"{len(nodes) - len(findings)} of {len(nodes)} answer"
    return check(_GALERA, "nodes", said, findings, unasked="" if nodes else "no option file can be used")


def _cluster(nodes: Sequence[NodeSaid], again: str) -> Check:
    asked = [node for node in nodes if node.error is None]
    findings = []
    for node in asked:
        if (status := node.status.get("wsrep_cluster_status", "unknown")) != "Primary":
            what = f"it is in no cluster with quorum (wsrep_cluster_status {status})"
            todo = "bring the other nodes back; restart mariadb on a node that was left alone"
            findings.append(error(Kind.NO_QUORUM, node.address, what, todo))
        elif not node.synced:
            state = node.status.get("wsrep_local_state_comment", "unknown")
            what = f"it is not synced (wsrep_local_state_comment {state}), so a load pauses"
            todo = "wait for it: SHOW STATUS LIKE 'wsrep_local_state_comment'"
            findings.append(warning(Kind.NOT_SYNCED, node.address, what, todo))
        if (number := node.status.get("wsrep_cluster_size")) != str(len(nodes)):
            what = f"it counts {number} nodes, and the option file names {len(nodes)}"
            todo = f"bring the missing node back, or correct group galera of the inventory and run {again}"
            findings.append(warning(Kind.NODES_MISSING, node.address, what, todo))
    if len(clusters := {node.status.get("wsrep_cluster_state_uuid") for node in asked}) > 1:
        what = f"the nodes are of {len(clusters)} clusters"
        todo = "name the nodes of one cluster in group galera of the inventory"
        findings.append(error(Kind.CLUSTERS, "galera", what, todo))
    said = f"{sum(node.well for node in nodes)} of {len(nodes)} synced, with quorum"
    return check(_GALERA, "cluster", said, findings, unasked="" if asked else _NONE)


def _versions(nodes: Sequence[NodeSaid]) -> Check:
    said = sorted({node.variables["version"] for node in nodes if "version" in node.variables})
    provider = sorted(
        {node.status["wsrep_provider_version"] for node in nodes if "wsrep_provider_version" in node.status}
    )
    findings = []
    if len(said) > 1 or len(provider) > 1:
        what = f"the nodes run {', '.join(said)} with Galera {', '.join(provider)}"
        todo = "finish the upgrade of the nodes; change no table until then"
        findings.append(warning(Kind.GALERA_VERSIONS, "galera", what, todo))
    text = f"{', '.join(said)}, Galera {', '.join(provider)}"
    return check(_GALERA, "versions", text, findings, unasked="" if said else _NONE)


def _accounts(inventory: Inventory, tried: Sequence[Account], refused: Sequence[tuple[Account, str]]) -> Check:
    todo = f"{advice.provision(inventory)}, with the password in the vault"
    findings = [error(Kind.ACCOUNT, str(account.file), why, todo) for account, why in refused]
    who = ", ".join(account.user for account, _ in refused)
    said = f"refused: {who}" if who else f"let in: {', '.join(account.user for account in tried)}"
    return check(_GALERA, "accounts", said, findings, unasked="" if tried else "no node is well")


def _takes_loads(nodes: Sequence[NodeSaid]) -> Check:
    findings = []
    asked = [node for node in nodes if node.variables]
    for node in asked:
        if node.variables.get("local_infile") == "OFF":
            todo = "SET GLOBAL local_infile = ON, and in its configuration"
            findings.append(error(Kind.NO_LOCAL_INFILE, node.address, "LOAD DATA LOCAL is off there", todo))
        if node.variables.get("read_only") != "OFF":
            todo = "SET GLOBAL read_only = OFF, once you know why it is on"
            findings.append(error(Kind.READ_ONLY, node.address, "it is read-only", todo))
        taken, most = int(node.status.get("Threads_connected", 0)), int(node.variables.get("max_connections", 0))
        if most and taken > _BUSY * most:
            what = f"{taken} of {most} connections are taken"
            findings.append(warning(Kind.CONNECTIONS, node.address, what, "SHOW PROCESSLIST"))
    taking = len(asked) - len({each.where for each in findings})
    said = f"{taking} of {len(nodes)} nodes take files, writes and connections"
    return check(_GALERA, "loads", said, findings, unasked="" if asked else _NONE)


def _schema(inventory: Inventory, survey: Survey, nodes: Sequence[NodeSaid]) -> Check:
    migrate = (
        f"farm schema migrate --inventory {inventory.env} --option-file"
        f" {inventory.home.secret('galera_owner.cnf')} --dry-run"
    )
    findings = []
    for node in nodes:
        if node.trouble:
            findings.append(error(Kind.NO_TABLE, node.address, str(node.trouble), migrate))
        if node.table is None:
            continue
        try:
            there = plan(survey, node.table)
        except SchemaError as wrong:
            findings.append(error(Kind.PRIMARY_KEY, node.address, str(wrong), "see docs/schema.md"))
            continue
        if there.changes:
            first = "; ".join(f"{change.what} {change.name}" for change in there.changes[:5])
            what = f"{len(there.changes)} differences from the declarations: {first}"
            findings.append(error(Kind.SCHEMA, node.address, what, migrate))
        elif there.undeclared:
            what = f"columns that are not declared: {', '.join(there.undeclared)}"
            findings.append(
                warning(Kind.UNDECLARED, node.address, what, f"leave them, or {migrate} --drop-column NAME")
            )
        if not node.load_table:
            what = "table farm_load, the loaders' lock, is not there"
            findings.append(error(Kind.NO_LOCK_TABLE, node.address, what, migrate))
    described = [node.table for node in nodes if node.table]
    rows = max((table.rows for table in described), default=0)
    said = f"{len(survey.columns)} columns, some {rows:,} rows, at {len(described)} nodes"
    return check(_TABLE, "schema", said, findings, unasked="" if described or findings else _UNSEEN)


def _loaders(inventory: Inventory, nodes: Sequence[NodeSaid]) -> Check:
    loader = next((node.loader for node in nodes if node.loader), None)
    findings = []
    if loader and loader.silent < STALE_SECONDS:
        what = f"run {loader.run} is being loaded by {loader.who}, last heard of {loader.silent} s ago"
        todo = "wait for its end: farm load would be refused (exit code 20)"
        findings.append(warning(Kind.LOADING, "objects", what, todo))
    elif loader:
        what = f"a loader died: run {loader.run} by {loader.who}, silent for {loader.silent:,} s"
        todo = f"farm load {loader.run} --inventory {inventory.env} goes on with it"
        findings.append(warning(Kind.LOADER_DIED, "objects", what, todo))
    said = "nobody loads" if loader is None else f"held for run {loader.run}"
    seen = any(node.load_table for node in nodes)
    return check(_TABLE, "lock", said, findings, unasked="" if seen else "no node showed farm_load, the loaders' lock")
