TITLE Squid axon: sodium

COMMENT
Hodgkin & Huxley 1952, J Physiol 117:500-544, doi 10.1113/jphysiol.1952.sp004764, ModelDB 5426.
Voltage here is absolute and inside minus outside, with rest at -65 mV. Rates at 6.3 degC, Q10 3.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX hhna
    USEION na READ ena WRITE ina
    RANGE gbar
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 0.12 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ina (mA/cm2)
    minf
    hinf
    mtau (ms)
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
    ina = gbar*m*m*m*h*(v - ena)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    LOCAL q10, alpha, beta
    UNITSOFF
    q10 = 3^((celsius - 6.3)/10)

    IF (fabs(v + 40) < 1e-5) {
        alpha = 1 + (v + 40)/20
    } ELSE {
        alpha = 0.1*(v + 40)/(1 - exp(-(v + 40)/10))
    }
    beta = 4*exp(-(v + 65)/18)
    mtau = 1/(q10*(alpha + beta))
    minf = alpha/(alpha + beta)

    alpha = 0.07*exp(-(v + 65)/20)
    beta = 1/(1 + exp(-(v + 35)/10))
    htau = 1/(q10*(alpha + beta))
    hinf = alpha/(alpha + beta)
    UNITSON
}
