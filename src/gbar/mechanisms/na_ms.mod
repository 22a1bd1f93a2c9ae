TITLE Neocortical sodium channel

COMMENT
Mainen & Sejnowski 1996, Nature 382:363-366, doi 10.1038/382363a0, ModelDB 2488 (there: na).
m^3 h kinetics fitted at 23 degC, Q10 2.3; the conductance is scaled with temperature too.
vshift moves the voltage dependence of both gates by -vshift; -5 in Figure 1 of the paper, -10 elsewhere.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX na_ms
    USEION na READ ena WRITE ina
    RANGE gbar, vshift
    GLOBAL q10
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (pS) = (picosiemens)
    (um) = (micron)
}

PARAMETER {
    gbar = 1000 (pS/um2) <0, 1e9>
    vshift = -10 (mV)
    q10 = 2.3
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ina (mA/cm2)
    tadj
    minf
    hinf
    mtau (ms)
    htau (ms)
}

STATE { m h }

INITIAL {
    tadj = q10^((celsius - 23 (degC))/10 (degC))
    rates(v + vshift)
    m = minf
    h = hinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ina = (1e-4)*tadj*gbar*m*m*m*h*(v - ena)
}

DERIVATIVE states {
    rates(v + vshift)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(u (mV)) {
    LOCAL a, b
    a = linoid(u, -35 (mV), 0.182 (/ms/mV), 9 (mV))
    b = linoid(-u, 35 (mV), 0.124 (/ms/mV), 9 (mV))
    mtau = 1/(tadj*(a + b))
    minf = a/(a + b)

    a = linoid(u, -50 (mV), 0.024 (/ms/mV), 5 (mV))
    b = linoid(-u, 75 (mV), 0.0091 (/ms/mV), 5 (mV))
    htau = 1/(tadj*(a + b))
    hinf = 1/(1 + exp((u + 65 (mV))/6.2 (mV)))
}

FUNCTION linoid(u (mV), th (mV), a (/ms/mV), q (mV)) (/ms) {
    : a*(u - th)/(1 - exp(-(u - th)/q)), with its limit at u = th
    IF (fabs((u - th)/q) > 1e-6) {
        linoid = a*(u - th)/(1 - exp(-(u - th)/q))
    } ELSE {
        linoid = a*q
    }
}
