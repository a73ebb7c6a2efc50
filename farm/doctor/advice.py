"""What an operator types, where more than one finding asks for it."""

from pathlib import Path

from farm.inventory import Host, Inventory

VAULTS = Path(__file__).resolve().parents[2] / "vault"
"""Where provisioning looks for an environment's passwords (role home, ``home_vault``)."""


def provision(inventory: Inventory) -> str:
    """The command that provisions the environment; it asks for the vault's password where there is a vault."""
    asking = " --ask-vault-pass" if (VAULTS / f"{inventory.env}.yml").is_file() else ""
    return f"ansible-playbook -i {inventory.path} provision.yml{asking}"


def pin(inventory: Inventory, host: Host, refused: str) -> str:
    """How to replace the pinned key of a host, or of the hop before it, which ``refused`` names where it is the hop's.

    Provisioning takes new keys of hosts that the head reaches itself alone, and of no hop.
    """
    pins = inventory.home.known_hosts
    hop = host.jump
    address, port, scan = host.address, host.port, ""
    if hop and host.where not in refused:
        address, port = hop.host, hop.port
        scan = f"ssh-keyscan -p {port} {address} >> {pins}"
    elif hop:
        scan = f"run ssh-keyscan -p {port} {address} on the hop, {hop.host}, and add its output to {pins}"
    known = address if port == 22 else f"'[{address}]:{port}'"
    return (
        "compare it with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the host's own console; then"
        f" ssh-keygen -f {pins} -R {known} and {scan or f'{provision(inventory)} -e accept_new_host_keys=true'}"
    )
