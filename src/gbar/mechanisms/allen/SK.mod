TITLE Small-conductance calcium-activated potassium channel

COMMENT
Gouwens et al. 2018, Nat Commun 9:710, doi 10.1038/s41467-017-02718-3;
kinetics from Kohler et al. 1996, Science 273:1709-1714, doi 10.1126/science.273.5282.1709.
The gate follows the calcium concentration at the membrane and not the voltage.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX SK
    USEION k READ ek WRITE ik
    USEION ca READ cai
    RANGE gbar, g, ik, zTau
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
    (molar) = (1/liter)
    (mM) = (millimolar)
}

PARAMETER {
    gbar = 1e-6 (S/cm2) <0, 1e9>
    zTau = 1 (ms) <1e-9, 1e9>
}

ASSIGNED {
    v (mV)
    ek (mV)
    cai (mM)
    ik (mA/cm2)
    g (S/cm2)
    zinf
}

STATE { z }

INITIAL {
    rates(cai)
    z = zinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    g = gbar*z
    ik = g*(v - ek)
}

DERIVATIVE states {
    rates(cai)
    z' = (zinf - z)/zTau
}

PROCEDURE rates(c (mM)) {
    : below 1e-7 mM the gate is shut (4e-18 at 1e-7 mM)
    IF (c > 1e-7 (mM)) {
        zinf = 1/(1 + (0.00043 (mM)/c)^4.8)
    } ELSE {
        zinf = 0
    }
}
