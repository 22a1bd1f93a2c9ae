import math

from gbar.kernel.interpret import evaluate
from gbar.nmodl import tree as t
from gbar.nmodl.evaluation import Evaluation
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.parse import parse_file


def lines(text):
    (block,) = parse_file(f"PROCEDURE p() {{ {text} }}").blocks
    return list(block.body)


def made(text, *arguments):
    return Evaluation(lines(text), arguments, Fresh({"a", "b", "c", "x", "y", "z", "p", "q", "r", "s"}))


def run(code, names):
    names = dict(names)
    for line in code:
        names[line.target] = evaluate(line.value, names)
    return names


def test_what_does_not_depend_on_the_arguments_is_computed_once():
    e = made("p = exp(a) q = p*x r = p + b s = q*r", "x")
    fixed = e.once()
    assert [line.target for line in fixed] == ["p", "r"]
    assert not e.once()
    code, (found,) = e.at({"x": t.Name("y")}, [t.Name("s")])
    assert [line.target.rpartition("_")[0] for line in code] == ["q", "s"]
    names = run([*fixed, *code], {"a": 0.5, "b": 2.0, "y": 3.0})
    p = math.exp(0.5)
    assert math.isclose(evaluate(found, names), p * 3 * (p + 2))


def test_nothing_is_computed_twice():
    e = made("p = x*x q = y*y s = p + q", "x", "y")
    e.at({"x": t.Name("a"), "y": t.Name("b")}, [t.Name("s")])
    code, _ = e.at({"x": t.Name("a"), "y": t.Name("c")}, [t.Name("s")])
    assert [line.target.rpartition("_")[0] for line in code] == ["q", "s"]  # p is the one from before
    assert e.at({"x": t.Name("a"), "y": t.Name("c")}, [t.Name("s")])[0] == []


def test_numbers_go_through():
    e = made("p = 2*x s = p + 1", "x")
    code, (found,) = e.at({"x": t.Number(3.0)}, [t.Name("s")])
    assert not code
    assert found == t.Number(7.0)


def test_slopes():
    e = made("p = x*y + a q = exp(p)/y s = b*a", "x", "y")
    known = e.slopes()
    values = {"a": 0.3, "b": 2.0, "x": 0.7, "y": 1.9}
    names = run([*e.once(), *e.moving], values)

    def f(x, y):
        return math.exp(x * y + 0.3) / y

    h = 1e-6
    assert math.isclose(evaluate(known["q"]["x"], names), (f(0.7 + h, 1.9) - f(0.7 - h, 1.9)) / (2 * h), rel_tol=1e-8)
    assert math.isclose(evaluate(known["q"]["y"], names), (f(0.7, 1.9 + h) - f(0.7, 1.9 - h)) / (2 * h), rel_tol=1e-8)
    assert "s" not in known


def test_what_jumps_is_seen():
    e = made("p = x", "x")
    step = t.Select(t.Binary(">", t.Name("p"), t.Name("a")), t.Number(1.0), t.Number(0.0))
    assert e.jumps(step)
    assert e.jumps(t.Call("fabs", (t.Name("x"),)))
    assert not e.jumps(t.Select(t.Binary(">", t.Name("b"), t.Name("a")), t.Name("x"), t.Number(0.0)))
