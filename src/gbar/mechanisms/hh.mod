TITLE Squid axon: sodium, potassium and leak

COMMENT
Hodgkin & Huxley 1952, J Physiol 117:500-544, doi 10.1113/jphysiol.1952.sp004764, ModelDB 5426.
Voltage here is absolute and inside minus outside, with rest at -65 mV. Rates at 6.3 degC, Q10 3.
Names as in NEURON's built-in hh; computed without a TABLE.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX hh
    USEION na READ ena WRITE ina
    USEION k READ ek WRITE ik
    NONSPECIFIC_CURRENT il
    RANGE gnabar, gkbar, gl, el
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gnabar = 0.12 (S/cm2) <0, 1e9>
    gkbar = 0.036 (S/cm2) <0, 1e9>
    gl = 0.0003 (S/cm2) <0, 1e9>
    el = -54.3 (mV)
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ek (mV)
    ina (mA/cm2)
    ik (mA/cm2)
    il (mA/cm2)
    minf
    hinf
    ninf
    mtau (ms)
    htau (ms)
    ntau (ms)
}

STATE { m h n }

INITIAL {
    rates(v)
    m = minf
    h = hinf
    n = ninf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ina = gnabar*m*m*m*h*(v - ena)
    ik = gkbar*n*n*n*n*(v - ek)
    il = gl*(v - el)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
    n' = (ninf - n)/ntau
}

PROCEDURE rates(v (mV)) {
    LOCAL q10, alpha, beta
    UNITSOFF
    q10 = 3^((celsius - 6.3)/10)

    alpha = linoid(0.1, v + 40, 10)
    beta = 4*exp(-(v + 65)/18)
    mtau = 1/(q10*(alpha + beta))
    minf = alpha/(alpha + beta)

    alpha = 0.07*exp(-(v + 65)/20)
    beta = 1/(1 + exp(-(v + 35)/10))
    htau = 1/(q10*(alpha + beta))
    hinf = alpha/(alpha + beta)

    alpha = linoid(0.01, v + 55, 10)
    beta = 0.125*exp(-(v + 65)/80)
    ntau = 1/(q10*(alpha + beta))
    ninf = alpha/(alpha + beta)
    UNITSON
}

FUNCTION linoid(a, x, k) {
    : a*x/(1 - exp(-x/k)), with its limit at x = 0
    UNITSOFF
    IF (fabs(x/k) < 1e-6) {
        linoid = a*k*(1 + x/k/2)
    } ELSE {
        linoid = a*x/(1 - exp(-x/k))
    }
    UNITSON
}
