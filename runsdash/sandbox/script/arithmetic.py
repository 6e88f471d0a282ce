"""Evaluates arithmetic for the scripted code interpreter, without `eval` and within bounds.

Numbers, the usual operators, comparisons, lists and a few functions of `math`. Anything else is a
refusal in the words of a Python traceback's last line. Runs no code.
"""

import ast
import math
import operator
import statistics
from collections.abc import Callable
from typing import Any, TypeAlias

NODES_MAX = 200
EXPONENT_MAX = 512
DIGITS_MAX = 4000
Computed: TypeAlias = bool | int | float | list["Computed"]


def power(left: float, right: float) -> float:
    if abs(right) > EXPONENT_MAX:
        raise OverflowError(f"exponent above {EXPONENT_MAX}")
    return left**right


BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Pow: power,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
COMPARE = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
NAMES = {"pi": math.pi, "e": math.e, "tau": math.tau}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(math, name) for name in ("sqrt", "sin", "cos", "tan", "log", "log10", "exp", "hypot")},
    **{"abs": abs, "round": round, "min": min, "max": max, "sum": sum, "len": len, "mean": statistics.mean},
    **{"floor": math.floor, "ceil": math.ceil},
}


def run(expression: str) -> str:
    """Returns what the interpreter would print: the value, or `SyntaxError: …`, `ZeroDivisionError: …`."""
    try:
        return format_value(evaluate(expression))
    except (ArithmeticError, LookupError, SyntaxError, TypeError, ValueError, MemoryError, RecursionError) as exc:
        text = exc.msg if isinstance(exc, SyntaxError) else str(exc)
        return f"{type(exc).__name__}: {text}"


def evaluate(expression: str) -> Computed:
    """Computes the value of one arithmetic expression; raises the error Python would."""
    tree = ast.parse(expression.strip(), mode="eval")
    if sum(1 for _ in ast.walk(tree)) > NODES_MAX:
        raise ValueError("expression too long for the sandbox")
    return value_of(tree.body)


def value_of(node: ast.AST) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return bounded(value)
        case ast.Name(id=name) if name in NAMES:
            return NAMES[name]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [value_of(item) for item in items]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
            return UNARY[type(op)](number(value_of(operand)))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            return bounded(BINARY[type(op)](number(value_of(left)), number(value_of(right))))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARE:
            return COMPARE[type(op)](value_of(left), value_of(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](*(value_of(arg) for arg in args))
    raise ValueError("the sandbox evaluates arithmetic only")


def number(value: Computed) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"unsupported operand type: '{type(value).__name__}'")
    return value


def bounded(value: float) -> float:
    if isinstance(value, complex):
        raise ValueError("complex numbers are not supported")
    if isinstance(value, int) and value.bit_length() > DIGITS_MAX * 3:
        raise OverflowError("number too large for the sandbox")
    return value


def format_value(value: Computed) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return repr(value)
