"""Build the release of the sources as they are: ``python -m farm.provision.release ENVIRONMENT``."""

from typing import Any, get_args

from farm.errors import ReleaseError
from farm.home import Home
from farm.provision import program
from farm.release import Kind, Target, archive, build, digest, project


def main() -> dict[str, Any]:
    arguments = program.parser(__doc__, "environment")
    arguments.add_argument("--python", required=True, help="version of the hosts' interpreter, X.Y")
    arguments.add_argument("--platform", required=True, help="newest platform tag that it takes")
    arguments.add_argument("--kinds", required=True, help="worker, loader, or both with a comma between")
    options = arguments.parse_args()
    home = Home(options.environment)
    target = Target(options.python, options.platform)
    name = digest(project(), target)
    kinds: list[Kind] = [kind for kind in get_args(Kind) if kind in options.kinds.split(",")]
    missing = [kind for kind in kinds if not archive(home, name, kind).exists()]
    if options.write and missing:
        built = {build(home, target, kind).parent.name for kind in kinds}
        if len(built) > 1:
            raise ReleaseError("the project's sources changed between building for workers and loader: run it again")
        (name,) = built
    return {"digest": name, "changed": missing}


if __name__ == "__main__":
    program.run(main)
