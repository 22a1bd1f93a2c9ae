TITLE Hyperpolarisation-activated cation channel

COMMENT
Hay et al. 2011, PLoS Comput Biol 7:e1002107, doi 10.1371/journal.pcbi.1002107, ModelDB 139653;
kinetics from Kole, Hallermann & Stuart 2006, J Neurosci 26:1677-1687, doi 10.1523/JNEUROSCI.3664-05.2006.
The rates do not depend on temperature.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Ih
    NONSPECIFIC_CURRENT ihcn
    RANGE gIhbar, gIh, ihcn, ehcn
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gIhbar = 1e-5 (S/cm2) <0, 1e9>
    ehcn = -45 (mV)
}

ASSIGNED {
    v (mV)
    ihcn (mA/cm2)
    gIh (S/cm2)
    minf
    mtau (ms)
}

STATE { m }

INITIAL {
    rates(v)
    m = minf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    gIh = gIhbar*m
    ihcn = gIh*(v - ehcn)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
}

PROCEDURE rates(v (mV)) {
    LOCAL a, b
    a = 0.00643 (/ms/mV)*linoid(-(v + 154.9 (mV)), 11.9 (mV))
    b = 0.193 (/ms)*exp(v/33.1 (mV))
    mtau = 1/(a + b)
    minf = a/(a + b)
}

FUNCTION linoid(x (mV), k (mV)) (mV) {
    : x/(1 - exp(-x/k)), with its limit at x = 0
    IF (fabs(x/k) < 1e-6) {
        linoid = k + x/2
    } ELSE {
        linoid = x/(1 - exp(-x/k))
    }
}
