TITLE Persistent sodium channel with instantaneous activation

COMMENT
Gouwens et al. 2018, Nat Commun 9:710, doi 10.1038/s41467-017-02718-3;
kinetics from Magistretti & Alonso 1999, J Gen Physiol 114:491-509, doi 10.1085/jgp.114.4.491.
Rates measured at 21 degC, scaled to the temperature of the simulation with Q10 2.3.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Nap
    USEION na READ ena WRITE ina
    RANGE gbar, g, ina
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
    ena (mV)
    ina (mA/cm2)
    g (S/cm2)
    minf
    hinf
    htau (ms)
}

STATE { h }

INITIAL {
    rates(v)
    h = hinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    rates(v)
    g = gbar*minf*h
    ina = g*(v - ena)
}

DERIVATIVE states {
    rates(v)
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    LOCAL qt, a, b
    qt = 2.3^((celsius - 21 (degC))/10 (degC))

    minf = 1/(1 + exp(-(v + 52.6 (mV))/4.6 (mV)))

    a = 2.88e-6 (/ms/mV)*linoid(-(v + 17 (mV)), 4.63 (mV))
    b = 6.94e-6 (/ms/mV)*linoid(v + 64.4 (mV), 2.63 (mV))
    htau = 1/(qt*(a + b))
    hinf = 1/(1 + exp((v + 48.8 (mV))/10 (mV)))
}

FUNCTION linoid(x (mV), k (mV)) (mV) {
    : x/(1 - exp(-x/k)), with its limit at x = 0
    IF (fabs(x/k) < 1e-6) {
        linoid = k + x/2
    } ELSE {
        linoid = x/(1 - exp(-x/k))
    }
}
