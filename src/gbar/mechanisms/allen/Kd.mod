TITLE Slowly inactivating potassium channel of low threshold (Kv1, D-current)

COMMENT
Nandi et al. 2022, Cell Rep 40:111176, doi 10.1016/j.celrep.2022.111176;
kinetics after Foust et al. 2011, J Neurosci 31:15490-15498, doi 10.1523/JNEUROSCI.2752-11.2011.
The time constants depend neither on voltage nor on temperature.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Kd
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
    ek (mV)
    ik (mA/cm2)
    g (S/cm2)
    minf
    mtau (ms)
    hinf
    htau (ms)
}

STATE { m h }

INITIAL {
    rates(v)
    m = minf
    h = hinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    g = gbar*m*h
    ik = g*(v - ek)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    minf = 1/(1 + exp(-(v + 43 (mV))/8 (mV)))
    mtau = 1 (ms)
    hinf = 1/(1 + exp((v + 67 (mV))/7.3 (mV)))
    htau = 1500 (ms)
}
