"""What the hosts found on their own ways to Cassandra. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from farm.doctor import advice
from farm.doctor.finding import Check, Finding, Kind, check, error, warning
from farm.doctor.hosts import Visit, of_role
from farm.inventory import Inventory

_CASSANDRA = "cassandra"
_Node = Mapping[str, Any]


def checks(inventory: Inventory, visits: Sequence[Visit]) -> Iterator[Check]:
    said = {each.name: each.route.said for each in visits if each.route and each.route.said}
    views = {host: told["nodes"] for host, told in said.items() if told.get("nodes")}
    yield _routes(visits, advice.provision(inventory))
    yield _versions(said, views)
    yield _ring(views)


def _routes(visits: Sequence[Visit], again: str) -> Check:
    readers = [each for each in visits if {"worker", "pipeline"} & {*each.roles}]
    tried = [each for each in of_role(visits, "worker", "pipeline") if each.route]
    todo = f"sudo -u farm /opt/farm/current/bin/rebuild_objects --check there; what it reads is written by {again}"
    findings = [
        error(Kind.CASSANDRA_ROUTE, each.name, each.route.error, todo)
        for each in tried
        if each.route and each.route.error
    ]
    said = f"{len(tried) - len(findings)} of {len(readers)} hosts can read it"
    return check(_CASSANDRA, "route", said, findings, unasked="" if tried else "no host could try it")


def _versions(said: Mapping[str, Mapping[str, Any]], views: Mapping[str, Sequence[_Node]]) -> Check:
    found = {str(told["version"]) for told in said.values()}
    found |= {str(node["version"]) for nodes in views.values() for node in nodes if node["version"]}
    findings = []
    if len(found) > 1:
        what = f"its nodes have versions {', '.join(sorted(found))}"
        todo = "nodetool describecluster on a node: finish its upgrade first"
        findings.append(warning(Kind.CASSANDRA_VERSIONS, "cassandra", what, todo))
    slowest = max((float(told["latency_ms"]) for told in said.values()), default=0.0)
    text = f"{', '.join(sorted(found))}, answers in {slowest:.1f} ms"
    return check(_CASSANDRA, "version", text, findings, unasked="" if said else "no host can read it")


def _ring(views: Mapping[str, Sequence[_Node]]) -> Check:
    """``views``: the nodes as each host was told of them."""
    nodes = {str(node["address"]): node for view in views.values() for node in view}
    read = {address for view in views.values() for address, up in _up(view).items() if up is not None}
    findings = [*_down(views), *_disagreement(views)]
    said = f"{len(nodes)} nodes, of which {len(read)} are read from"
    return check(_CASSANDRA, "ring", said, findings, unasked="" if views else "no host told of its nodes")


def _up(view: Sequence[_Node]) -> dict[str, bool | None]:
    return {str(node["address"]): node["up"] for node in view}


def _down(views: Mapping[str, Sequence[_Node]]) -> Iterator[Finding]:
    """A node that some hosts have no way to costs them little: others read for them."""
    lacking: dict[str, list[str]] = {}
    asked: dict[str, int] = {}
    for host, view in views.items():
        for address, up in _up(view).items():
            if up is not None:
                asked[address] = asked.get(address, 0) + 1
            if up is False:
                lacking.setdefault(address, []).append(host)
    down = {address for address, hosts in lacking.items() if len(hosts) == asked[address]}
    for address, hosts in lacking.items():
        if address in down:
            what = f"it is down, or out of reach of all {len(hosts)} hosts that could ask"
            what += "; reads of what it holds may lack replicas"
        else:
            what = f"it is out of reach of {', '.join(hosts)}, and {asked[address] - len(hosts)} other hosts reach it"
        todo = "nodetool status on another node, systemctl status cassandra on this one; where it runs, a firewall?"
        grade = error if address in down and len(down) > 1 else warning
        yield grade(Kind.CASSANDRA_NODE, address, what, todo)


def _disagreement(views: Mapping[str, Sequence[_Node]]) -> Iterator[Finding]:
    """A node that is down is not asked for its schema: it gets it when it comes back."""
    for view in views.values():
        having: dict[str, list[str]] = {}
        for node in view:
            if node["schema"] and node["up"] is not False:
                having.setdefault(str(node["schema"]), []).append(str(node["address"]))
        if len(having) > 1:
            told = "; ".join(f"{', '.join(having[schema])}: {schema[:8]}" for schema in sorted(having))
            todo = "nodetool describecluster on a node; where no table is being changed, restart the one that lags"
            yield warning(Kind.CASSANDRA_SCHEMA, "cassandra", f"its nodes disagree on the schema ({told})", todo)
            return
