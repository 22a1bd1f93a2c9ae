TITLE Calcium pump, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
An outward calcium current that is half its largest at the concentration k.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX capump_da
    USEION ca READ cai WRITE ica
    RANGE ibar, k, ica
}

UNITS {
    (mA) = (milliamp)
    (molar) = (1/liter)
    (mM) = (millimolar)
}

PARAMETER {
    ibar = 0.0312 (mA/cm2) <0, 1e9>
    k = 5e-4 (mM) <1e-9, 1e9>
}

ASSIGNED {
    cai (mM)
    ica (mA/cm2)
}

BREAKPOINT {
    ica = ibar*cai/(cai + k)
}
