TITLE Delayed rectifier, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
Three gates n whose time constant does not depend on the voltage.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX kdr_da
    USEION k READ ek WRITE ik
    RANGE gbar, ik
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 1e-3 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    ek (mV)
    ik (mA/cm2)
}

STATE { n }

INITIAL {
    n = ninf(v)
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ik = gbar*n^3*(v - ek)
}

DERIVATIVE states {
    n' = (ninf(v) - n)/10 (ms)
}

FUNCTION ninf(v (mV)) {
    ninf = 1/(1 + exp(-(v + 35 (mV))/12 (mV)))
}
