TITLE Fast inactivating potassium channel of layer 5 pyramids (A-type)

COMMENT
Korngreen & Sakmann 2000, J Physiol 525:621-639, doi 10.1111/j.1469-7793.2000.00621.x: four gates m that open, one h
that inactivates, measured at 21 degC; Q10 2.3. Constants as in Almog & Korngreen 2014, doi
10.1523/JNEUROSCI.2896-13.2014, ModelDB 151825.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX kfast
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
    gbar = 100 (pS/um2) <0, 1e9>
    q10 = 2.3
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ek (mV)
    ik (mA/cm2)
    gk (pS/um2)
    tadj
    minf
    mtau (ms)
    hinf
    htau (ms)
}

STATE { m h }

INITIAL {
    tadj = q10^((celsius - 21 (degC))/10 (degC))
    rates(v)
    m = minf
    h = hinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    gk = gbar*m*m*m*m*h
    ik = (1e-4)*gk*(v - ek)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(u (mV)) {
    minf = 1/(1 + exp(-(u + 47 (mV))/29 (mV)))
    mtau = (0.34 (ms) + 0.92 (ms)*exp(-((u + 71 (mV))/59 (mV))^2))/tadj
    hinf = 1/(1 + exp((u + 66 (mV))/10 (mV)))
    htau = (8 (ms) + 49 (ms)*exp(-((u + 73 (mV))/23 (mV))^2))/tadj
}
