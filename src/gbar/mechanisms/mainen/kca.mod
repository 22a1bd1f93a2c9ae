TITLE Neocortical calcium-activated potassium channel

COMMENT
Mainen & Sejnowski 1996, Nature 382:363-366, doi 10.1038/382363a0, ModelDB 2488;
after Reuveni et al. 1993, J Neurosci 13:4609-4621, doi 10.1523/JNEUROSCI.13-11-04609.1993.
One gate n that follows the calcium concentration and not the voltage, at 23 degC, Q10 2.3; the conductance is scaled
with temperature too.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX kca
    USEION k READ ek WRITE ik
    USEION ca READ cai
    RANGE gbar, gk, ik
    GLOBAL q10
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (pS) = (picosiemens)
    (um) = (micron)
    (molar) = (1/liter)
    (mM) = (millimolar)
}

PARAMETER {
    gbar = 10 (pS/um2) <0, 1e9>
    q10 = 2.3
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ek (mV)
    cai (mM)
    ik (mA/cm2)
    gk (pS/um2)
    tadj
    ninf
    ntau (ms)
}

STATE { n }

INITIAL {
    tadj = q10^((celsius - 23 (degC))/10 (degC))
    rates(cai)
    n = ninf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    gk = tadj*gbar*n
    ik = (1e-4)*gk*(v - ek)
}

DERIVATIVE states {
    rates(cai)
    n' = (ninf - n)/ntau
}

PROCEDURE rates(c (mM)) {
    LOCAL a, b
    a = 0.01 (/ms/mM)*c
    b = 0.02 (/ms)
    ntau = 1/(tadj*(a + b))
    ninf = a/(a + b)
}
