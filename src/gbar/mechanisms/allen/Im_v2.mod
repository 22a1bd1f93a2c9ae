TITLE Slow non-inactivating potassium channel (M-current), second version

COMMENT
Nandi et al. 2022, Cell Rep 40:111176, doi 10.1016/j.celrep.2022.111176;
kinetics after Vervaeke et al. 2006.
Rates at 30 degC, scaled to the temperature of the simulation with Q10 2.3.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Im_v2
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
    qt = 2.3^((celsius - 30 (degC))/10 (degC))

    a = 0.007 (/ms)*exp(6*0.4*(v + 48 (mV))/26.12 (mV))
    b = 0.007 (/ms)*exp(-6*(1 - 0.4)*(v + 48 (mV))/26.12 (mV))
    mtau = (15 (ms) + 1/(a + b))/qt
    minf = a/(a + b)
}
