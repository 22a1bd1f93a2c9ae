from nmodl_code import expression, show

from gbar.nmodl import tree as t
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.prune import MAX_DEPTH, inputs, prune, split

BLOCK = t.Block(
    (
        t.Assign("a_1", expression("v + x")),
        t.Assign("b_1", expression("a_1*2")),
        t.Assign("c_1", expression("y - v")),
    ),
    (("b", t.Name("b_1")), ("c", t.Name("c_1"))),
)


def test_only_what_the_results_need_stays():
    kept = prune(BLOCK, {"b"})
    assert show(kept.code) == ["a_1 = v + x", "b_1 = a_1 * 2.0"]
    assert kept.results == (("b", t.Name("b_1")),)
    assert show(prune(BLOCK, {"c"}, also=["a_1"]).code) == ["a_1 = v + x", "c_1 = y - v"]
    assert prune(BLOCK, set()) == t.Block()


def test_inputs_are_what_is_read_and_not_assigned():
    assert inputs(BLOCK) == {"v", "x", "y"}
    assert inputs(prune(BLOCK, {"b"})) == {"v", "x"}


def depth(node):
    match node:
        case t.Binary(_, left, right):
            return 1 + max(depth(left), depth(right))
        case t.Unary(_, operand):
            return 1 + depth(operand)
        case t.Call(_, arguments):
            return 1 + max(map(depth, arguments))
    return 0


def test_deep_expressions_are_split_and_keep_their_value():
    deep = expression("x - (" * 80 + "y" + ")" * 80)
    block = split(t.Block((t.Assign("a_1", deep),), (("a", t.Unary("-", deep)),)), Fresh({"x", "y"}))
    assert max(depth(line.value) for line in block.code) <= MAX_DEPTH
    assert depth(block.results[0][1]) <= MAX_DEPTH
    known = {"x": 3.0, "y": 2.0}

    def number(node):
        match node:
            case t.Name(name):
                return known[name]
            case t.Unary(_, operand):
                return -number(operand)
            case t.Binary("-", left, right):
                return number(left) - number(right)

    for line in block.code:
        known[line.target] = number(line.value)
    assert (known["a_1"], number(block.results[0][1])) == (2.0, -2.0)
