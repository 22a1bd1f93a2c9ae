"""The text that writes recorded samples out: gathered as [sample][lane], wanted as [lane][sample].

Squares of as many samples as a vector of 64 bytes has lanes are transposed in registers: within 16 bytes by unpacking
pairs of rows, then 16 bytes at a time. Scalar copies take five times as long, a sixth of a whole simulation that keeps
every step.
"""

from __future__ import annotations

SIDE = {"float32": 16, "float64": 8}

TRANSPOSE = '''
SIDE = {side}
PIECE = SIDE // 4


@intrinsic
def transpose(typing, source, begin, stride, target, place, step):
    """target[place + j * step + i] = source[begin + i * stride + j] for i and j below SIDE; arrays or pointers."""
    def text(context, builder, signature, arguments):
        def pointer(k):
            kind = signature.args[k]
            if isinstance(kind, types.CPointer):
                return arguments[k]
            return context.make_array(kind)(context, builder, arguments[k]).data

        def shuffled(a, b, mask):
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), SIDE), mask))

        def unpacked(a, b, size, high):
            found = [a0 + high * PIECE // 2 + n for a0 in range(0, SIDE, PIECE) for n in range(PIECE // 2)]
            pairs = [found[k : k + size] for k in range(0, len(found), size)]
            return shuffled(a, b, [n + second for pair in pairs for second in (0, SIDE) for n in pair])

        def pieces(a, b, chosen):
            found = [p * PIECE + n for p in chosen for n in range(PIECE)]
            return shuffled(a, b, [n + second for second in (0, SIDE) for n in found])

        def row(base, at, by, k):
            address = builder.gep(base, [builder.add(at, builder.mul(by, ir.Constant(ir.IntType(64), k)))])
            return builder.bitcast(address, vector.as_pointer())

        first, last = pointer(0), pointer(3)
        vector = ir.VectorType(first.type.pointee, SIDE)
        rows = [builder.load(row(first, arguments[1], arguments[2], k), align=64 // SIDE) for k in range(SIDE)]
        size = 1
        while size < PIECE:  # afterwards row k has, in each piece p, column p * PIECE + k of a group of rows
            made = list(rows)
            for k in range(0, SIDE, 2 * size):
                for n in range(size):
                    a, b = rows[k + n], rows[k + n + size]
                    made[k + 2 * n], made[k + 2 * n + 1] = unpacked(a, b, size, 0), unpacked(a, b, size, 1)
            rows, size = made, 2 * size
        for n in range(PIECE):
            a, b, c, d = (rows[k + n] for k in range(0, SIDE, PIECE))
            halves = [(pieces(a, b, p), pieces(c, d, p)) for p in ((0, 1), (2, 3))]
            for k, (x, y, p) in enumerate((x, y, p) for x, y in halves for p in ((0, 2), (1, 3))):
                store = row(last, arguments[4], arguments[5], k * PIECE + n)
                builder.store(pieces(x, y, p), store, align=64 // SIDE)
        return context.get_dummy_value()
    return types.void(source, types.int64, types.int64, target, types.int64, types.int64), text
'''


def transpose(precision: str) -> str:
    """The text of the function `transpose`; it needs `ir`, `types` and `intrinsic`."""
    return TRANSPOSE.replace("{side}", str(SIDE[precision]))
