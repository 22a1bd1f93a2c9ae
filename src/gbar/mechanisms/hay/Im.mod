TITLE Slow non-inactivating potassium channel (M-current)

COMMENT
Hay et al. 2011, PLoS Comput Biol 7:e1002107, doi 10.1371/journal.pcbi.1002107, ModelDB 139653;
kinetics from Adams, Brown & Constanti 1982, J Physiol 330:537-572, doi 10.1113/jphysiol.1982.sp014357.
Rates measured at 21 degC, scaled to 34 degC with Q10 2.3 whatever the temperature of the simulation.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Im
    USEION k READ ek WRITE ik
    RANGE gImbar, gIm, ik
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gImbar = 1e-5 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    ek (mV)
    ik (mA/cm2)
    gIm (S/cm2)
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
    gIm = gImbar*m
    ik = gIm*(v - ek)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
}

PROCEDURE rates(v (mV)) {
    LOCAL qt, a, b
    qt = 2.3^((34 - 21)/10)

    a = 0.0033 (/ms)*exp(0.1 (/mV)*(v + 35 (mV)))
    b = 0.0033 (/ms)*exp(-0.1 (/mV)*(v + 35 (mV)))
    mtau = 1/(qt*(a + b))
    minf = a/(a + b)
}
