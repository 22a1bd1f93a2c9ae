TITLE Delayed-rectifier potassium channel (Kv2) with two rates of inactivation

COMMENT
Nandi et al. 2022, Cell Rep 40:111176, doi 10.1016/j.celrep.2022.111176;
form of Keren, Peled & Korngreen 2005, J Neurophysiol 94:3730-3742, doi 10.1152/jn.00408.2005,
fitted to the guangxitoxin-sensitive current of mouse CA1 pyramids
(Liu & Bean 2014, J Neurosci 34:4991-5002, doi 10.1523/JNEUROSCI.1925-13.2014).
Rates measured at 21 degC, scaled to the temperature of the simulation with Q10 2.3.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Kv2like
    USEION k READ ek WRITE ik
    RANGE gbar, g, ik
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 1e-5 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ek (mV)
    ik (mA/cm2)
    g (S/cm2)
    minf
    mtau (ms)
    hinf
    h1tau (ms)
    h2tau (ms)
}

STATE { m h1 h2 }

INITIAL {
    rates(v)
    m = minf
    h1 = hinf
    h2 = hinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    g = gbar*m*m*(0.5*h1 + 0.5*h2)
    ik = g*(v - ek)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h1' = (hinf - h1)/h1tau
    h2' = (hinf - h2)/h2tau
}

PROCEDURE rates(v (mV)) {
    LOCAL qt, a, b
    qt = 2.3^((celsius - 21 (degC))/10 (degC))

    a = 0.12 (/ms/mV)*linoid(v - 43 (mV), 11 (mV))
    b = 0.02 (/ms)*exp(-(v + 1.27 (mV))/120 (mV))
    mtau = 2.5/(qt*(a + b))
    minf = a/(a + b)

    hinf = 1/(1 + exp((v + 58 (mV))/11 (mV)))
    h1tau = (360 (ms) + (1010 (ms) + 23.7 (ms/mV)*(v + 54 (mV)))*exp(-((v + 75 (mV))/48 (mV))^2))/qt
    h2tau = (2350 (ms) + 1380 (ms)*exp(-0.011 (/mV)*v) - 210 (ms)*exp(-0.03 (/mV)*v))/qt
    IF (h2tau < 0) {
        h2tau = 0.001 (ms)
    }
}

FUNCTION linoid(x (mV), k (mV)) (mV) {
    : x/(1 - exp(-x/k)), with its limit at x = 0
    IF (fabs(x/k) < 1e-6) {
        linoid = k + x/2
    } ELSE {
        linoid = x/(1 - exp(-x/k))
    }
}
