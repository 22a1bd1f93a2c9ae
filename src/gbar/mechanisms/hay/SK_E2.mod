TITLE Small-conductance calcium-activated potassium channel

COMMENT
Hay et al. 2011, PLoS Comput Biol 7:e1002107, doi 10.1371/journal.pcbi.1002107, ModelDB 139653;
kinetics from Kohler et al. 1996, Science 273:1709-1714, doi 10.1126/science.273.5282.1709.
The gate follows the calcium concentration at the membrane and not the voltage.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX SK_E2
    USEION k READ ek WRITE ik
    USEION ca READ cai
    RANGE gSK_E2bar, gSK_E2, ik, zTau
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
    (molar) = (1/liter)
    (mM) = (millimolar)
}

PARAMETER {
    gSK_E2bar = 1e-6 (S/cm2) <0, 1e9>
    zTau = 1 (ms) <1e-9, 1e9>
}

ASSIGNED {
    v (mV)
    ek (mV)
    cai (mM)
    ik (mA/cm2)
    gSK_E2 (S/cm2)
    zinf
}

STATE { z }

INITIAL {
    rates(cai)
    z = zinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    gSK_E2 = gSK_E2bar*z
    ik = gSK_E2*(v - ek)
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
