TITLE Small-conductance calcium-activated potassium channel, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
It follows calcium at once, to the fourth power, and does not depend on the voltage.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX kca_da
    USEION k READ ek WRITE ik
    USEION ca READ cai
    RANGE gbar, k, ik
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
    (molar) = (1/liter)
    (mM) = (millimolar)
}

PARAMETER {
    gbar = 8e-4 (S/cm2) <0, 1e9>
    k = 1.9e-4 (mM) <1e-9, 1e9>
}

ASSIGNED {
    v (mV)
    ek (mV)
    cai (mM)
    ik (mA/cm2)
}

BREAKPOINT {
    ik = gbar/(1 + (k/cai)^4)*(v - ek)
}
