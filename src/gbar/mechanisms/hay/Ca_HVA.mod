TITLE High-voltage-activated calcium channel

COMMENT
Hay et al. 2011, PLoS Comput Biol 7:e1002107, doi 10.1371/journal.pcbi.1002107, ModelDB 139653;
kinetics from Reuveni et al. 1993, J Neurosci 13:4609-4621, doi 10.1523/JNEUROSCI.13-11-04609.1993.
The rates do not depend on temperature.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Ca_HVA
    USEION ca READ eca WRITE ica
    RANGE gCa_HVAbar, gCa_HVA, ica
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gCa_HVAbar = 1e-5 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    eca (mV)
    ica (mA/cm2)
    gCa_HVA (S/cm2)
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
    gCa_HVA = gCa_HVAbar*m*m*h
    ica = gCa_HVA*(v - eca)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    LOCAL a, b
    a = 0.055 (/ms/mV)*linoid(v + 27 (mV), 3.8 (mV))
    b = 0.94 (/ms)*exp(-(v + 75 (mV))/17 (mV))
    mtau = 1/(a + b)
    minf = a/(a + b)

    a = 0.000457 (/ms)*exp(-(v + 13 (mV))/50 (mV))
    b = 0.0065 (/ms)/(1 + exp(-(v + 15 (mV))/28 (mV)))
    htau = 1/(a + b)
    hinf = a/(a + b)
}

FUNCTION linoid(x (mV), k (mV)) (mV) {
    : x/(1 - exp(-x/k)), with its limit at x = 0
    IF (fabs(x/k) < 1e-6) {
        linoid = k + x/2
    } ELSE {
        linoid = x/(1 - exp(-x/k))
    }
}
