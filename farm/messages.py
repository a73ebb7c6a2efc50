"""The sentences with which programs end, read from the code that makes them: for docs/errors.md."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from farm.errors import Exit

PASSED_ON = {
    "farm/cli/run.py:run",  # of functions in TOLD
    "farm/ending.py:_whole_output",  # an InputError of features
    "farm/lab/machine.py:require",  # of functions in TOLD, too
    "farm/mining/run.py:_digest",  # another one
    "farm/mining/trial.py:_read",  # of mine_objects on a worker
    "features/__main__.py:_survey",
    "features/rebuild/main.py:work",
}
"""Functions that end with a sentence which another one has made, and which stands there."""
TOLD = {
    "farm/lab/machine.py:preflight": Exit.SETUP,
    "farm/lab/machine.py:_debian": Exit.SETUP,
    "farm/lab/machine.py:_cgroups": Exit.SETUP,
    "farm/lab/machine.py:_trial": Exit.SETUP,
    "farm/lab/machine.py:_loop": Exit.SETUP,
    "farm/scheduler/halt.py:parse": Exit.USAGE,
    "farm/scheduler/pace.py:percent": Exit.USAGE,
    "farm/tasks.py:seconds": Exit.USAGE,
    "farm/worker/host.py:refusal": None,
    "features/__init__.py:survey": Exit.INPUT,
}
"""Functions that return a sentence, or raise it as a ValueError, with which their caller ends."""
_USAGE = {"typer.BadParameter", "parser.error", "parser().error", "argparse.ArgumentTypeError"}
_ENDED = re.compile(r"sys\.exit\(Exit\.(\w+)\)")
_DEPTH = 4
"""How many names and calls a sentence is followed through."""


@dataclass(frozen=True)
class Site:
    """A place at which a program ends."""

    place: str
    """File and function."""
    line: int
    code: Exit | None
    """None where it is that of another error, of which it says more, or where the agent ends."""
    told: tuple[str, ...]
    """Its sentences, with ``{name}`` for what is filled in; empty where none is found."""


def sites_of(name: str, tree: ast.Module, codes: Mapping[str, Exit]) -> Iterator[Site]:
    """Every place in a file at which a program ends; ``codes`` are those of the classes of errors."""
    sentences = _Sentences(tree)
    for function, node in _within(tree, None):
        code, message = _end(node, codes)
        if message is not None:
            told = sentences.of(message, function, _DEPTH)
            yield Site(f"{name}:{function.name if function else ''}", message.lineno, code, tuple(dict.fromkeys(told)))
    for place, code in TOLD.items():
        file, _, asked = place.partition(":")
        if file == name:
            yield Site(place, 0, code, tuple(dict.fromkeys(sentences.given(asked, _DEPTH))))


def _within(node: ast.AST, function: ast.FunctionDef | None) -> Iterator[tuple[ast.FunctionDef | None, ast.AST]]:
    """All nodes below, each with the function that it stands in."""
    for each in ast.iter_child_nodes(node):
        inside = each if isinstance(each, ast.FunctionDef) else function
        yield inside, each
        yield from _within(each, inside)


def _end(node: ast.AST, codes: Mapping[str, Exit]) -> tuple[Exit | None, ast.expr | None]:
    """The code and the message, where the node makes an error or ends the program with a sentence."""
    match node:
        case ast.Raise(exc=ast.Call(func=ast.Call() | ast.Name(id="error"), args=[message, *_])):
            return None, message
        case ast.ExceptHandler(body=[*_, written, last]) | ast.FunctionDef(body=[*_, written, last]):
            ended = _ENDED.match(ast.unparse(last))
            match written:
                case ast.Expr(ast.Call(ast.Attribute(attr="write"), [message])) if ended and ended[1] != "OK":
                    return Exit[ended[1]], message
        case ast.Call(func=function, args=[message, *_]):
            called = ast.unparse(function)
            if called in _USAGE:
                return Exit.USAGE, message
            if called == "sys.exit" and isinstance(message, ast.JoinedStr):
                return None, message
            if (name := called.rpartition(".")[2]) in codes:
                return codes[name], message
    return None, None


class _Sentences:
    """What the expressions of a file come to, as far as they are texts."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._functions = {each.name: each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}

    def of(self, node: ast.expr, function: ast.FunctionDef | None, depth: int) -> list[str]:
        """Every sentence that the expression may be."""
        if not depth:
            return []
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=values):
                return ["".join(self._piece(each, function, depth) for each in values)]
            case ast.IfExp(body=one, orelse=other):
                return [*self.of(one, function, depth), *self.of(other, function, depth)]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                ends = self.of(right, function, depth) or [f"{{{_filled(right)}}}"]
                return [first + ends[0] for first in self.of(left, function, depth)]
            case ast.Name(id=name):
                return [text for value in self._values(name, function) for text in self.of(value, function, depth - 1)]
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=key)):
                members = (one for each in self._values(name, function) for one in _at(each, key))
                return [text for value in members for text in self.of(value, function, depth - 1)]
            case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[parts]):
                told = [
                    text for each in self._parts(parts, function) for text in self.of(each, function, depth - 1)[:1]
                ]
                return [" ".join(told)] if told else []
            case ast.Call(func=ast.Name(id=name)) if name in self._functions:
                return self.given(name, depth - 1)
        return []

    def given(self, name: str, depth: int) -> list[str]:
        """What a function returns, or raises as a ValueError."""
        function = self._functions[name]
        found = []
        for node in ast.walk(function):
            match node:
                case ast.Return(value=ast.List(elts=several)):
                    found += [text for each in several for text in self.of(each, function, depth)]
                case ast.Return(value=ast.expr() as value):
                    found += self.of(value, function, depth)
                case ast.Raise(exc=ast.Call(func=ast.Name(id="ValueError"), args=[value])):
                    found += self.of(value, function, depth)
        return [text for text in found if text]

    def _values(self, name: str, function: ast.FunctionDef | None) -> Iterator[ast.expr]:
        """What a name is given: in its function, by the function's callers, or in the file."""
        if function is not None:
            yield from _assigned(function, name)
            yield from self._passed(name, function)
        yield from (
            value for each in self._tree.body if isinstance(each, ast.Assign) for value in _assigned(each, name)
        )

    def _piece(self, node: ast.expr, function: ast.FunctionDef | None, depth: int) -> str:
        """Of an f-string: text, what a name always stands for, or the name of what is filled in."""
        value = node.value if isinstance(node, ast.FormattedValue) else node
        if isinstance(value, ast.Name):
            match list(self._values(value.id, function)):
                case [ast.Constant(value=always)]:
                    return str(always)
                case [ast.JoinedStr() as always] if depth > 1:
                    return self.of(always, function, depth - 1)[0]
        return str(value.value) if isinstance(value, ast.Constant) else f"{{{_filled(value)}}}"

    def _passed(self, name: str, function: ast.FunctionDef) -> Iterator[ast.expr]:
        names = [each.arg for each in function.args.args]
        if name in names:
            for node in ast.walk(self._tree):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == function.name:
                    yield from node.args[names.index(name) :][:1]

    def _parts(self, node: ast.expr, function: ast.FunctionDef | None) -> Iterator[ast.expr]:
        """The members of what is joined."""
        match node:
            case ast.List(elts=several):
                for each in several:
                    yield from self._parts(each.value, function) if isinstance(each, ast.Starred) else (each,)
            case ast.ListComp(elt=each):
                yield each
            case ast.Name(id=name):
                for value in self._values(name, function):
                    yield from self._parts(value, function)


def _assigned(tree: ast.AST, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=found)], value=value)
                | ast.AugAssign(target=ast.Name(id=found), value=value)
                | ast.NamedExpr(target=ast.Name(id=found), value=value)
            ) if found == name:
                yield value


def _at(node: ast.expr, key: object) -> Iterator[ast.expr]:
    """What a dict that is written there has under a key."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        yield from (value for each, value in pairs if getattr(each, "value", None) == key)


def _filled(value: ast.expr) -> str:
    words = re.findall(r"[A-Za-z]\w*", ast.unparse(value)) if isinstance(value, ast.Name | ast.Attribute) else []
    return words[-1].lower() if words else "…"
