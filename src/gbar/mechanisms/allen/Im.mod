TITLE Slow non-inactivating potassium channel (M-current)

COMMENT
Gouwens et al. 2018, Nat Commun 9:710, doi 10.1038/s41467-017-02718-3;
kinetics from Adams, Brown & Constanti 1982, J Physiol 330:537-572, doi 10.1113/jphysiol.1982.sp014357.
Rates measured at 21 degC, scaled to the temperature of the simulation with Q10 2.3.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Im
    USEION k READ ek WRITE ik
    RANGE gbar, g, ik
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 1e-5 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    celsius (degC)
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
    LOCAL qt, a, b
    qt = 2.3^((celsius - 21 (degC))/10 (degC))

    a = 0.0033 (/ms)*exp(0.1 (/mV)*(v + 35 (mV)))
    b = 0.0033 (/ms)*exp(-0.1 (/mV)*(v + 35 (mV)))
    mtau = 1/(qt*(a + b))
    minf = a/(a + b)
}
