TITLE Sodium balance, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
All sodium currents (channels, leak, receptors, pump) fill and empty the whole segment, a cylinder, whose membrane is 4/diam of
its volume. The paper takes f = 4 in the soma, as if most of its volume were closed to sodium. It starts at what the cell states.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX nabal_da
    USEION na READ ina WRITE nai
    RANGE f
}

UNITS {
    (mA) = (milliamp)
    (um) = (micron)
    (molar) = (1/liter)
    (mM) = (millimolar)
    FARADAY = (faraday) (coulomb)
}

PARAMETER {
    f = 1 <0, 1e9>
}

ASSIGNED {
    ina (mA/cm2)
    diam (um)
}

STATE { nai (mM) }

BREAKPOINT {
    SOLVE states METHOD cnexp
}

DERIVATIVE states {
    nai' = -(1e4)*f*ina*(4/diam)/FARADAY
}
