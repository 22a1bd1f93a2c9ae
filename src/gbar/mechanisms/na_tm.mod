TITLE Traub-Miles sodium channel of the Pospischil models

COMMENT
Pospischil et al. 2008, Biol Cybern 99:427-441, doi 10.1007/s00422-008-0263-8, ModelDB 123623;
after Traub & Miles 1991, Neuronal Networks of the Hippocampus, doi 10.1017/CBO9780511895401.
vt moves the spike threshold. The paper gives the rates without a Q10 (its cells were recorded near 36 degC).
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX na_tm
    USEION na READ ena WRITE ina
    RANGE gbar, vt
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 0.05 (S/cm2) <0, 1e9>
    vt = -56.2 (mV)
}

ASSIGNED {
    v (mV)
    ena (mV)
    ina (mA/cm2)
    am (/ms)
    bm (/ms)
    ah (/ms)
    bh (/ms)
}

STATE { m h }

INITIAL {
    rates(v - vt)
    m = am/(am + bm)
    h = ah/(ah + bh)
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ina = gbar*m*m*m*h*(v - ena)
}

DERIVATIVE states {
    rates(v - vt)
    m' = am*(1 - m) - bm*m
    h' = ah*(1 - h) - bh*h
}

PROCEDURE rates(u (mV)) {
    am = linoid(13 (mV) - u, 0.32 (/ms/mV), 4 (mV))
    bm = linoid(u - 40 (mV), 0.28 (/ms/mV), 5 (mV))
    ah = 0.128 (/ms)*exp((17 (mV) - u)/18 (mV))
    bh = 4 (/ms)/(1 + exp((40 (mV) - u)/5 (mV)))
}

FUNCTION linoid(x (mV), a (/ms/mV), k (mV)) (/ms) {
    : a*x/(exp(x/k) - 1), with its limit at x = 0
    IF (fabs(x/k) < 1e-6) {
        linoid = a*k*(1 - x/k/2)
    } ELSE {
        linoid = a*x/(exp(x/k) - 1)
    }
}
