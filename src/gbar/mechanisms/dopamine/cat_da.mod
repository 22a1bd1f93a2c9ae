TITLE Low-threshold (T-type) calcium channel, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX cat_da
    USEION ca READ eca WRITE ica
    RANGE gbar, ica
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 1.044e-3 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    eca (mV)
    ica (mA/cm2)
}

STATE { d f }

INITIAL {
    d = dinf(v)
    f = finf(v)
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ica = gbar*d*f*(v - eca)
}

DERIVATIVE states {
    d' = (dinf(v) - d)/dtau(v)
    f' = (finf(v) - f)/ftau(v)
}

FUNCTION dinf(v (mV)) {
    dinf = 1/(1 + exp(-(v + 63.5 (mV))/1.5 (mV)))
}

FUNCTION dtau(v (mV)) (ms) {
    dtau = 3.5 (ms) + 65 (ms)*exp(-((v + 66 (mV))/6.32455 (mV))^2)
}

FUNCTION finf(v (mV)) {
    finf = 1/(1 + exp((v + 76.2 (mV))/3 (mV)))
}

FUNCTION ftau(v (mV)) (ms) {
    ftau = 10 (ms) + 50 (ms)*exp(-((v + 72 (mV))/10 (mV))^2)
}
