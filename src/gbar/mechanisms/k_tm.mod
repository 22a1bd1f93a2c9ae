TITLE Traub-Miles delayed-rectifier potassium channel of the Pospischil models

COMMENT
Pospischil et al. 2008, Biol Cybern 99:427-441, doi 10.1007/s00422-008-0263-8, ModelDB 123623;
after Traub & Miles 1991, Neuronal Networks of the Hippocampus, doi 10.1017/CBO9780511895401.
vt moves the spike threshold. The paper gives the rates without a Q10 (its cells were recorded near 36 degC).
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX k_tm
    USEION k READ ek WRITE ik
    RANGE gbar, vt
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 0.005 (S/cm2) <0, 1e9>
    vt = -56.2 (mV)
}

ASSIGNED {
    v (mV)
    ek (mV)
    ik (mA/cm2)
    an (/ms)
    bn (/ms)
}

STATE { n }

INITIAL {
    rates(v - vt)
    n = an/(an + bn)
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ik = gbar*n*n*n*n*(v - ek)
}

DERIVATIVE states {
    rates(v - vt)
    n' = an*(1 - n) - bn*n
}

PROCEDURE rates(u (mV)) {
    an = linoid(15 (mV) - u, 0.032 (/ms/mV), 5 (mV))
    bn = 0.5 (/ms)*exp((10 (mV) - u)/40 (mV))
}

FUNCTION linoid(x (mV), a (/ms/mV), k (mV)) (/ms) {
    : a*x/(exp(x/k) - 1), with its limit at x = 0
    IF (fabs(x/k) < 1e-6) {
        linoid = a*k*(1 - x/k/2)
    } ELSE {
        linoid = a*x/(exp(x/k) - 1)
    }
}
