"""TLS to Galera: where the inventory names an authority, nothing is sent but to a server that it vouches for."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cluster
import pytest
import yaml
from conftest import OWN_ACCOUNT, Own
from loaders import counts, run
from provisioning import playbook
from simulated_parts import simulate, write_part

from farm.errors import GaleraError, InputError
from farm.galera import Account, Node, read_account
from farm.home import Home
from farm.inventory import load
from farm.provision import secrets

pytestmark = [pytest.mark.lab, pytest.mark.faults]
NODE, PLAIN = cluster.address("g3"), cluster.address("g1")


@dataclass(frozen=True)
class Authorities:
    right: Path
    wrong: Path


@pytest.fixture(scope="module")
def authorities(provisioned: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    """The role galera, told of an authority, has made it and certificates of two nodes, which show them."""
    folder = tmp_path_factory.mktemp("tls")
    play = [
        {"name": "Galera shows certificates", "hosts": "managed_galera", "gather_facts": False, "roles": ["galera"]}
    ]
    (folder / "galera.yml").write_text(yaml.safe_dump(play))
    found = Authorities(folder / "ca.pem", folder / "wrong.pem")
    cluster.await_whole()
    only = (str(folder / "galera.yml"), "--limit", "g2,g3")
    made = playbook(*only, "-e", f"farm_galera_ca={found.right}")
    assert made.returncode == 0, made.output
    assert playbook(*only, "-e", f"farm_galera_ca={found.right}").changed == {"g2": 0, "g3": 0}
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=farm", "-days", "2"]
    subprocess.run([*command, "-keyout", folder / "wrong.key", "-out", found.wrong], check=True, capture_output=True)
    yield found
    again = playbook(*only)
    assert again.returncode == 0, again.output
    cluster.await_whole()


def option_file(own: Own, authority: Path | None, **changes: str) -> Path:
    path = own.option_file(**changes)
    if authority:
        path.write_text(path.read_text().replace("[client]", f"[client]\nssl-ca = {authority}"))
    return path


def account(own: Own, authority: Path | None) -> Account:
    return read_account(option_file(own, authority))


def cipher(node: Node) -> str:
    return str(node.rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1])


def test_a_connection_under_an_authority_is_encrypted(own: Own, authorities: Authorities) -> None:
    with Node(account(own, authorities.right), NODE) as node:
        assert cipher(node)
    with Node(account(own, None), PLAIN) as node:
        assert not cipher(node)


def test_a_whole_load_and_its_undoing_go_over_encrypted_connections_alone(
    own: Own, authorities: Authorities, tmp_path: Path
) -> None:
    write_part(tmp_path / "parts", simulate(700))
    nodes = {"hosts": f"{NODE},{cluster.address('g2')}"}
    own.sql(f"ALTER USER {OWN_ACCOUNT}@'%' REQUIRE SSL")
    try:
        said = run(tmp_path / "parts", option_file(own, authorities.right, **nodes)).json()
        assert (counts(said), said["verify"]["equal"]) == ({"inserted": 700}, 700)
        undone = run(tmp_path / "parts", option_file(own, authorities.right, **nodes), "--undo").json()
        assert undone["undo"]["inserted"] == 700
        assert "Access denied" in run(tmp_path / "parts", option_file(own, None, hosts=PLAIN)).stderr
    finally:
        own.sql(f"ALTER USER {OWN_ACCOUNT}@'%' REQUIRE NONE")


def test_a_server_that_another_authority_vouches_for_is_refused(own: Own, authorities: Authorities) -> None:
    with pytest.raises(GaleraError, match=rf"{NODE} has no certificate that the authority .*wrong\.pem vouches for"):
        Node(account(own, authorities.wrong), NODE)


def test_a_server_without_tls_is_refused_where_an_authority_is_named(own: Own, authorities: Authorities) -> None:
    with pytest.raises(GaleraError, match=rf"{PLAIN} has no certificate"):
        Node(account(own, authorities.right), PLAIN)


def test_an_authority_that_is_not_there_is_named(own: Own, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.pem as ssl-ca, and it is not there"):
        Node(account(own, tmp_path / "nowhere.pem"), PLAIN)


def test_option_files_name_the_authority_of_the_inventory(provisioned: None, tmp_path: Path) -> None:
    hosts = {"all": {"hosts": {"g1": {"ansible_host": PLAIN}}, "vars": {"farm_galera_ca": "/etc/farm/ca.pem"}}}
    hosts["all"]["children"] = {"galera": {"hosts": {"g1": {}}}}  # type: ignore[assignment]
    (tmp_path / "tls.yml").write_text(yaml.safe_dump(hosts))
    text = secrets.option_file(load(str(tmp_path / "tls.yml")), "galera_loader", "s3cret", 3306, "ztf")
    path = tmp_path / "loader.cnf"
    path.touch(mode=0o600)
    path.write_text(text)
    assert read_account(path).ca == Path("/etc/farm/ca.pem")
    assert "ssl-ca" not in Home("lab").secret("galera_loader.cnf").read_text()
