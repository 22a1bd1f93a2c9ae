TITLE Neocortical slow non-inactivating potassium channel (M-current)

COMMENT
Mainen & Sejnowski 1996, Nature 382:363-366, doi 10.1038/382363a0, ModelDB 2488.
Kinetics of one gate n at 23 degC, Q10 2.3; the conductance is scaled with temperature too.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX km
    USEION k READ ek WRITE ik
    RANGE gbar, gk, ik
    GLOBAL q10
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (pS) = (picosiemens)
    (um) = (micron)
}

PARAMETER {
    gbar = 10 (pS/um2) <0, 1e9>
    q10 = 2.3
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ek (mV)
    ik (mA/cm2)
    gk (pS/um2)
    tadj
    ninf
    ntau (ms)
}

STATE { n }

INITIAL {
    tadj = q10^((celsius - 23 (degC))/10 (degC))
    rates(v)
    n = ninf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    gk = tadj*gbar*n
    ik = (1e-4)*gk*(v - ek)
}

DERIVATIVE states {
    rates(v)
    n' = (ninf - n)/ntau
}

PROCEDURE rates(u (mV)) {
    LOCAL a, b
    a = linoid(u, -30 (mV), 0.001 (/ms/mV), 9 (mV))
    b = linoid(-u, 30 (mV), 0.001 (/ms/mV), 9 (mV))
    ntau = 1/(tadj*(a + b))
    ninf = a/(a + b)
}

FUNCTION linoid(u (mV), th (mV), a (/ms/mV), q (mV)) (/ms) {
    : a*(u - th)/(1 - exp(-(u - th)/q)), with its limit at u = th
    IF (fabs((u - th)/q) > 1e-6) {
        linoid = a*(u - th)/(1 - exp(-(u - th)/q))
    } ELSE {
        linoid = a*q
    }
}
