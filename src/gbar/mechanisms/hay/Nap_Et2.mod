TITLE Persistent sodium channel

COMMENT
Hay et al. 2011, PLoS Comput Biol 7:e1002107, doi 10.1371/journal.pcbi.1002107, ModelDB 139653;
kinetics from Magistretti & Alonso 1999, J Gen Physiol 114:491-509, doi 10.1085/jgp.114.4.491.
Activation is six times slower than that of the fast sodium channel.
Rates measured at 21 degC, scaled to 34 degC with Q10 2.3 whatever the temperature of the simulation.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Nap_Et2
    USEION na READ ena WRITE ina
    RANGE gNap_Et2bar, gNap_Et2, ina
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gNap_Et2bar = 1e-5 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    ena (mV)
    ina (mA/cm2)
    gNap_Et2 (S/cm2)
    minf
    mtau (ms)
    hinf
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
    gNap_Et2 = gNap_Et2bar*m*m*m*h
    ina = gNap_Et2*(v - ena)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    LOCAL qt, a, b
    qt = 2.3^((34 - 21)/10)

    a = 0.182 (/ms/mV)*linoid(v + 38 (mV), 6 (mV))
    b = 0.124 (/ms/mV)*linoid(-(v + 38 (mV)), 6 (mV))
    mtau = 6/(qt*(a + b))
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
