TITLE Neocortical high-voltage-activated calcium channel

COMMENT
Mainen & Sejnowski 1996, Nature 382:363-366, doi 10.1038/382363a0, ModelDB 2488;
kinetics from Reuveni et al. 1993, J Neurosci 13:4609-4621, doi 10.1523/JNEUROSCI.13-11-04609.1993, at 23 degC, Q10 2.3;
the conductance is scaled with temperature too. vshift moves the voltage dependence of both gates by -vshift.
The current is ohmic and the reversal potential of the paper fixed at 140 mV.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX ca
    USEION ca READ eca WRITE ica
    RANGE gbar, gca, ica
    GLOBAL q10, vshift
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (pS) = (picosiemens)
    (um) = (micron)
}

PARAMETER {
    gbar = 0.1 (pS/um2) <0, 1e9>
    vshift = 0 (mV)
    q10 = 2.3
}

ASSIGNED {
    v (mV)
    celsius (degC)
    eca (mV)
    ica (mA/cm2)
    gca (pS/um2)
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
    gca = tadj*gbar*m*m*h
    ica = (1e-4)*gca*(v - eca)
}

DERIVATIVE states {
    rates(v + vshift)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(u (mV)) {
    LOCAL a, b
    a = linoid(u, -27 (mV), 0.055 (/ms/mV), 3.8 (mV))
    b = 0.94 (/ms)*exp(-(u + 75 (mV))/17 (mV))
    mtau = 1/(tadj*(a + b))
    minf = a/(a + b)

    a = 0.000457 (/ms)*exp(-(u + 13 (mV))/50 (mV))
    b = 0.0065 (/ms)/(1 + exp(-(u + 15 (mV))/28 (mV)))
    htau = 1/(tadj*(a + b))
    hinf = a/(a + b)
}

FUNCTION linoid(u (mV), th (mV), a (/ms/mV), q (mV)) (/ms) {
    : a*(u - th)/(1 - exp(-(u - th)/q)), with its limit at u = th
    IF (fabs((u - th)/q) > 1e-6) {
        linoid = a*(u - th)/(1 - exp(-(u - th)/q))
    } ELSE {
        linoid = a*q
    }
}
