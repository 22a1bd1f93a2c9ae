TITLE A-type potassium channel, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
Three activation gates p and an inactivation gate q, which is slow (50 ms at all voltages).
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX ka_da
    USEION k READ ek WRITE ik
    RANGE gbar, ik
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 1e-4 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    ek (mV)
    ik (mA/cm2)
}

STATE { p q }

INITIAL {
    p = pinf(v)
    q = qinf(v)
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ik = gbar*p^3*q*(v - ek)
}

DERIVATIVE states {
    p' = (pinf(v) - p)/ptau(v)
    q' = (qinf(v) - q)/50 (ms)
}

FUNCTION pinf(v (mV)) {
    pinf = 1/(1 + exp(-(v + 42 (mV))/4 (mV)))
}

FUNCTION ptau(v (mV)) (ms) {
    ptau = 4 (ms) + 5.5 (ms)*exp(-((v + 42 (mV))/10 (mV))^2)
}

FUNCTION qinf(v (mV)) {
    qinf = 1/(1 + exp((v + 63 (mV))/4 (mV)))
}
