TITLE Squid axon: potassium

COMMENT
Hodgkin & Huxley 1952, J Physiol 117:500-544, doi 10.1113/jphysiol.1952.sp004764, ModelDB 5426.
Voltage here is absolute and inside minus outside, with rest at -65 mV. Rates at 6.3 degC, Q10 3.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX hhk
    USEION k READ ek WRITE ik
    RANGE gbar
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 0.036 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ek (mV)
    ik (mA/cm2)
    ninf
    ntau (ms)
}

STATE { n }

INITIAL {
    rates(v)
    n = ninf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ik = gbar*n*n*n*n*(v - ek)
}

DERIVATIVE states {
    rates(v)
    n' = (ninf - n)/ntau
}

PROCEDURE rates(v (mV)) {
    LOCAL q10, alpha, beta
    UNITSOFF
    q10 = 3^((celsius - 6.3)/10)

    IF (fabs(v + 55) < 1e-5) {
        alpha = 0.1 + (v + 55)/200
    } ELSE {
        alpha = 0.01*(v + 55)/(1 - exp(-(v + 55)/10))
    }
    beta = 0.125*exp(-(v + 65)/80)
    ntau = 1/(q10*(alpha + beta))
    ninf = alpha/(alpha + beta)
    UNITSON
}
