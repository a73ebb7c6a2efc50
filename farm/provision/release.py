"""Build the release of the sources as they are: ``python -m farm.provision.release INVENTORY --python --platform``."""

from typing import Any

from farm.inventory import load
from farm.provision import program
from farm.release import Target, archive, build, digest, project


def main() -> dict[str, Any]:
    arguments = program.parser(__doc__)
    arguments.add_argument("--python", required=True, help="version of the hosts' interpreter, X.Y")
    arguments.add_argument("--platform", required=True, help="newest platform tag that it takes")
    arguments.add_argument("--kind", choices=("worker", "loader"), required=True)
    options = arguments.parse_args()
    home = load(options.inventory).home
    target = Target(options.python, options.platform)
    name = digest(project(), target)
    stands = archive(home, name, options.kind)
    if stands.exists() or not options.write:
        return {"digest": name, "archive": str(stands), "changed": [] if stands.exists() else [name]}
    built = build(home, target, options.kind)
    return {"digest": built.parent.name, "archive": str(built), "changed": [built.parent.name]}


if __name__ == "__main__":
    program.run(main)
