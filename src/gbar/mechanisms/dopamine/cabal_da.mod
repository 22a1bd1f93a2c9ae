TITLE Calcium balance, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
All calcium currents (channels, leak, pump) fill and empty the whole segment, a cylinder, whose membrane is 4/diam of its volume;
the fraction f stays free of the buffers. It starts at what the cell states.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX cabal_da
    USEION ca READ ica WRITE cai
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
    f = 0.005 <0, 1>
}

ASSIGNED {
    ica (mA/cm2)
    diam (um)
}

STATE { cai (mM) }

BREAKPOINT {
    SOLVE states METHOD cnexp
}

DERIVATIVE states {
    cai' = -(1e4)*f*ica*(4/diam)/(2*FARADAY)
}
