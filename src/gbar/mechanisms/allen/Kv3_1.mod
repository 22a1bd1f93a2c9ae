TITLE Fast non-inactivating potassium channel (Kv3.1)

COMMENT
Gouwens et al. 2018, Nat Commun 9:710, doi 10.1038/s41467-017-02718-3;
kinetics from Rettig et al. 1992, EMBO J 11:2473-2486, doi 10.1002/j.1460-2075.1992.tb05312.x.
vshift moves the gate to more positive voltages. The rates do not depend on temperature.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Kv3_1
    USEION k READ ek WRITE ik
    RANGE gbar, g, ik, vshift
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 1e-5 (S/cm2) <0, 1e9>
    vshift = 0 (mV)
}

ASSIGNED {
    v (mV)
    ek (mV)
    ik (mA/cm2)
    g (S/cm2)
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
    g = gbar*m
    ik = g*(v - ek)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
}

PROCEDURE rates(v (mV)) {
    minf = 1/(1 + exp(-(v - 18.7 (mV) - vshift)/9.7 (mV)))
    mtau = 4 (ms)/(1 + exp(-(v + 46.56 (mV) - vshift)/44.14 (mV)))
}
