TITLE Hyperpolarisation-activated cation channel of layer 5 pyramids (Ih)

COMMENT
Williams & Stuart 2000, J Neurophysiol 83:3177-3182, doi 10.1152/jn.2000.83.5.3177; constants as in Almog & Korngreen 2014,
doi 10.1523/JNEUROSCI.2896-13.2014, ModelDB 151825, whose rates are those of 22 degC.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX hcn
    NONSPECIFIC_CURRENT i
    RANGE gbar, g, i, eh
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
    eh = -33 (mV)
    q10 = 2.3
}

ASSIGNED {
    v (mV)
    celsius (degC)
    i (mA/cm2)
    g (pS/um2)
    tadj
    hinf
    htau (ms)
}

STATE { h }

INITIAL {
    tadj = q10^((celsius - 22 (degC))/10 (degC))
    rates(v)
    h = hinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    g = gbar*h
    i = (1e-4)*g*(v - eh)
}

DERIVATIVE states {
    rates(v)
    h' = (hinf - h)/htau
}

PROCEDURE rates(u (mV)) {
    hinf = 1/(1 + exp((u + 91 (mV))/6 (mV)))
    htau = 1/(tadj*(0.0003933 (/ms)*exp(-0.0249 (/mV)*u) + 0.0877 (/ms)*exp(0.062 (/mV)*u)))
}
