TITLE Slow non-inactivating potassium channel (M-current) of the Pospischil models

COMMENT
Pospischil et al. 2008, Biol Cybern 99:427-441, doi 10.1007/s00422-008-0263-8, ModelDB 123623;
after Yamada, Koch & Adams 1989, in Methods in Neuronal Modeling.
taumax sets the time constant, whose largest value is taumax/3.63. The paper gives the rates without a Q10.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX im
    USEION k READ ek WRITE ik
    RANGE gbar, taumax
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 7e-5 (S/cm2) <0, 1e9>
    taumax = 1000 (ms) <1e-9, 1e9>
}

ASSIGNED {
    v (mV)
    ek (mV)
    ik (mA/cm2)
    pinf
    ptau (ms)
}

STATE { p }

INITIAL {
    rates(v)
    p = pinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ik = gbar*p*(v - ek)
}

DERIVATIVE states {
    rates(v)
    p' = (pinf - p)/ptau
}

PROCEDURE rates(v (mV)) {
    pinf = 1/(1 + exp(-(v + 35 (mV))/10 (mV)))
    ptau = taumax/(3.3*exp((v + 35 (mV))/20 (mV)) + exp(-(v + 35 (mV))/20 (mV)))
}
