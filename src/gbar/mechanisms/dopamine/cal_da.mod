TITLE L-type calcium channel, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
One activation gate d; calcium inactivates the channel at once, by half at the concentration k.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX cal_da
    USEION ca READ cai, eca WRITE ica
    RANGE gbar, k, ica
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
    (molar) = (1/liter)
    (mM) = (millimolar)
}

PARAMETER {
    gbar = 2.16e-4 (S/cm2) <0, 1e9>
    k = 4.5e-4 (mM) <1e-9, 1e9>
}

ASSIGNED {
    v (mV)
    eca (mV)
    cai (mM)
    ica (mA/cm2)
}

STATE { d }

INITIAL {
    d = dinf(v)
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ica = gbar*d*k/(k + cai)*(v - eca)
}

DERIVATIVE states {
    d' = (dinf(v) - d)/dtau(v)
}

FUNCTION dinf(v (mV)) {
    dinf = 1/(1 + exp(-(v + 50 (mV))/3 (mV)))
}

FUNCTION dtau(v (mV)) (ms) {
    dtau = 1.5 (ms) + 18 (ms)*exp(-((v + 45 (mV))/20 (mV))^2)
}
