"""What the image is made of."""

from pathlib import Path

import pytest

from farm.errors import SetupError
from farm.lab import apt, image


def role(roles: Path, name: str, text: str) -> None:
    (roles / name / "defaults").mkdir(parents=True, exist_ok=True)
    (roles / name / "defaults/main.yml").write_text(text)


def test_it_has_the_packages_that_roles_declare_as_their_own(tmp_path: Path) -> None:
    role(tmp_path, "galera", "galera_packages: [mariadb-server, rsync]\nhead_packages: [not-its-own]\n")
    role(tmp_path, "cassandra", "# nothing yet\n")
    (tmp_path / "loader/tasks").mkdir(parents=True)
    assert set(image.packages(tmp_path)) == {*image.BASE, "mariadb-server", "rsync"}


def test_a_package_list_that_is_none_is_named(tmp_path: Path) -> None:
    role(tmp_path, "galera", "galera_packages: mariadb-server\n")
    with pytest.raises(SetupError, match=r"galera/defaults/main\.yml.*galera_packages"):
        image.packages(tmp_path)


def test_another_package_list_is_another_image_and_another_order_is_not() -> None:
    assert image.digest(["a", "b"]) == image.digest(["b", "a"])
    assert image.digest(["a", "b"]) != image.digest(["a", "b", "c"])


def test_old_images_go_when_a_new_one_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "IMAGES", tmp_path)
    for name in ("old", "new"):
        (tmp_path / name / "etc").mkdir(parents=True)
    image.clear(keep="new")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


DEBIAN = """# the base system
Types: deb deb-src
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
OTHERS = """Types: deb
URIs: https://vendor.example.org/apt
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg

Types: deb
URIs: https://vendor.example.org/node
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://off.example.org/debian
Suites: bookworm
Components: main
"""


def etc_apt(folder: Path, **files: str) -> Path:
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        (folder / "sources.list.d" / name.replace("_", ".")).write_text(text)
    return folder


def test_the_image_is_made_from_debians_own_sources_alone(tmp_path: Path) -> None:
    etc = etc_apt(tmp_path, debian_sources=DEBIAN, others_sources=OTHERS, old_disabled=OTHERS)
    found = apt.sources("bookworm", etc)
    assert found == (
        "Types: deb\nURIs: http://mirror.example.org/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main contrib\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def test_sources_of_one_line_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(
        "# deb http://off.example.org/debian bookworm main\n"
        "deb cdrom:[Debian 12]/ bookworm main\n"
        "deb-src http://mirror.example.org/debian bookworm main\n"
        "deb http://mirror.example.org/debian bookworm main non-free-firmware # the base\n"
        "deb [arch=amd64 signed-by=/usr/share/keyrings/vendor.gpg] http://vendor.example.org/apt bookworm main\n"
        "deb http://vendor.example.org/docker bookworm stable\n"
        "deb http://security.example.org/debian-security bookworm-security main\n"
    )
    found = apt.sources("bookworm", etc_apt(tmp_path))
    assert [line for line in found.splitlines() if line.startswith("URIs")] == [
        "URIs: http://mirror.example.org/debian",
        "URIs: http://security.example.org/debian-security",
    ]


def test_a_machine_without_debians_sources_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="offers Debian's bookworm"):
        apt.sources("bookworm", etc_apt(tmp_path, others_sources=OTHERS))
